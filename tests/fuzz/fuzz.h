// What the fuzz targets share: reading the input piece by piece, and telling an honest refusal from a bug.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "base/bytes.h"
#include "base/error.h"

namespace tt::fuzz {

// A property of tt that must hold for every input.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

// Runs `use`; refusals are expected, an internal error is not. True if nothing was thrown.
template <typename Use>
bool accepts(Use&& use) {
  try {
    use();
    return true;
  } catch (const base::Error& error) {
    require(error.kind() != base::ErrorKind::internal, error.what());
    return false;
  }
}

// The fuzzer's bytes, from the front; zeros after their end.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const std::uint8_t value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }
  // 0..255 mostly, up to 65535 if the first byte is 255.
  std::uint64_t number() {
    const std::uint64_t small = byte();
    if (small < 255) return small;
    const std::uint64_t low = byte();
    return low | static_cast<std::uint64_t>(byte()) << 8;
  }
  base::ByteView take(std::uint64_t count) {
    const base::ByteView taken =
        rest_.first(count < rest_.size() ? static_cast<std::size_t>(count) : rest_.size());
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  base::ByteView rest() const { return rest_; }

 private:
  base::ByteView rest_;
};

}  // namespace tt::fuzz
