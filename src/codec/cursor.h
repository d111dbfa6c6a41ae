// Bounds-checked reading of coded bytes from untrusted files, and the varint that goes with it.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/error.h"

namespace tt::codec {

[[noreturn]] inline void throw_corrupt(const char* why) {
  throw base::Error(base::ErrorKind::corrupt, std::string("cannot decode a core, ") + why);
}

class ByteCursor {
 public:
  explicit ByteCursor(base::ByteView bytes) : rest_(bytes) {}

  std::uint64_t left() const { return rest_.size(); }
  // Errors (all three): corrupt if fewer bytes are left.
  base::ByteView take(std::uint64_t count) {
    if (count > rest_.size()) throw_corrupt("its bytes end too early");
    const base::ByteView taken = rest_.first(static_cast<std::size_t>(count));
    rest_ = rest_.subspan(static_cast<std::size_t>(count));
    return taken;
  }
  std::uint8_t byte() { return take(1)[0]; }
  // LEB128: seven bits a byte, low bits first, the high bit set on all bytes but the last; below 2^28.
  std::uint32_t varint() {
    std::uint32_t value = 0;
    for (unsigned shift = 0; shift < 28; shift += 7) {
      const std::uint8_t next = byte();
      value |= static_cast<std::uint32_t>(next & 0x7fu) << shift;
      if (next < 0x80) return value;
    }
    throw_corrupt("a number is too long");
  }

 private:
  base::ByteView rest_;
};

inline void append_varint(base::Bytes& out, std::uint32_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 0x80u));
  out.push_back(static_cast<std::uint8_t>(value));
}
inline std::uint64_t varint_size(std::uint32_t value) {
  std::uint64_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

}  // namespace tt::codec
