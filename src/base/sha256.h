// SHA-256 (FIPS 180-4) by OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/input_file.h"

namespace tt::base {

using Sha256 = std::array<std::uint8_t, 32>;

class Sha256Hasher {
 public:
  Sha256Hasher();
  ~Sha256Hasher();
  Sha256Hasher(const Sha256Hasher&) = delete;
  Sha256Hasher& operator=(const Sha256Hasher&) = delete;
  void update(ByteView bytes);
  Sha256 finish();  // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Sha256 sha256(ByteView bytes);
Sha256 sha256_range(const InputFile& file, std::uint64_t offset, std::uint64_t length);
inline Sha256 sha256_file(const InputFile& file) {
  return sha256_range(file, 0, file.size());
}
std::string hex(const Sha256& digest);
// Parses 64 lower-case hex digits. Errors: bad_data.
Sha256 parse_sha256(const std::string& text);

}  // namespace tt::base
