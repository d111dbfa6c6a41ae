// Plain bits of code streams: bit i of a sequence is bit i mod 8 of byte i / 8.
#pragma once

#include <bit>
#include <cassert>
#include <cstdint>

#include "base/bytes.h"

namespace tt::codec {

// Elias gamma code of a value >= 1: as many zeros as it has bits after the first one, a one, these bits (low first).
inline std::uint32_t gamma_size(std::uint32_t value) {
  return 2 * static_cast<std::uint32_t>(std::bit_width(value)) - 1;
}

class BitWriter {
 public:
  // count <= 32; bits of value above count are zero.
  void put(std::uint32_t value, std::uint32_t count) {
    held_ |= std::uint64_t{value} << used_;
    used_ += count;
    for (; used_ >= 8; used_ -= 8, held_ >>= 8) bytes_.push_back(static_cast<std::uint8_t>(held_));
  }
  void put_gamma(std::uint32_t value) {
    const auto width = static_cast<std::uint32_t>(std::bit_width(value));
    put(0, width - 1);
    put(1, 1);
    put(value & ((std::uint32_t{1} << (width - 1)) - 1), width - 1);
  }
  void append(const BitWriter& other) {
    for (const std::uint8_t byte : other.bytes_) put(byte, 8);
    put(static_cast<std::uint32_t>(other.held_), other.used_);
  }
  void clear() { *this = {}; }

  std::uint64_t size() const { return 8 * std::uint64_t{bytes_.size()} + used_; }
  // `count` <= 16 bits from bit `at`, a multiple of 8; zeros after the end.
  std::uint32_t get(std::uint64_t at, std::uint32_t count) const {
    const std::uint64_t first = at / 8;
    const std::uint32_t value = byte_at(first) | byte_at(first + 1) << 8;
    return value & ((1u << count) - 1);
  }

 private:
  std::uint32_t byte_at(std::uint64_t index) const {
    if (index < bytes_.size()) return bytes_[static_cast<std::size_t>(index)];
    return index == bytes_.size() ? static_cast<std::uint32_t>(held_ & 0xff) : 0;
  }

  base::Bytes bytes_;
  std::uint64_t held_ = 0;
  std::uint32_t used_ = 0;
};

}  // namespace tt::codec
