// Plain bits of code streams: bit i of a sequence is bit i mod 8 of byte i / 8.
#pragma once

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdint>

#include "base/bytes.h"
#include "codec/cursor.h"

namespace tt::codec {

// Elias gamma code of a value >= 1: as many zeros as it has bits after the first one, a one, these bits (low
// first).
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

// Reads the bytes of `body` from its end towards its front.
class BitReader {
 public:
  explicit BitReader(base::ByteView body) : bytes_(body.rbegin(), body.rend()), end_(bytes_.size()) {
    bytes_.resize(end_ + kPadding);
  }

  // Up to 32 bits; zeros after the end, which check() tells.
  std::uint32_t take(std::uint32_t count) {
    const std::uint64_t value = ahead();
    at_ += count;
    return static_cast<std::uint32_t>(value & ((std::uint64_t{1} << count) - 1));
  }
  // One bit if `wanted`, else 0.
  std::uint32_t take_if(bool wanted) {
    const auto value = static_cast<std::uint32_t>(ahead()) & static_cast<std::uint32_t>(wanted);
    at_ += wanted;
    return value;
  }
  // Errors: corrupt if longer than a 32-bit number can be.
  std::uint32_t take_gamma() {
    const auto zeros = static_cast<std::uint32_t>(std::countr_zero(ahead() | std::uint64_t{1} << 32));
    if (zeros > 31) throw_corrupt("an escaped code is too long");
    at_ += zeros + 1;
    return std::uint32_t{1} << zeros | take(zeros);
  }
  // The sequence ends after `count` bytes, which `more` follow.
  void finish(std::uint64_t count, base::ByteView more) {
    end_ = static_cast<std::size_t>(count);
    std::fill(bytes_.begin() + static_cast<std::ptrdiff_t>(end_), bytes_.end(), std::uint8_t{0});
    bytes_.resize(end_ + more.size() + kPadding);
    std::copy(more.begin(), more.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(end_));
    end_ += more.size();
  }
  // Errors: corrupt if more bits were taken than there are.
  void check() const {
    if (at_ > 8 * std::uint64_t{end_}) throw_corrupt("a code stream ends too early");
  }
  std::uint64_t used() const { return at_; }
  bool rest_is_zero() const {
    if (ahead_byte() != 0) return false;
    return std::all_of(bytes_.begin() + static_cast<std::ptrdiff_t>(at_ / 8 + 1), bytes_.end(),
                       [](std::uint8_t byte) { return byte == 0; });
  }

 private:
  static constexpr std::size_t kPadding = 8;
  std::uint64_t ahead() const {
    const std::size_t from = std::min<std::size_t>(at_ / 8, bytes_.size() - kPadding);
    return base::load_le<std::uint64_t>(bytes_.data() + from) >> (at_ % 8);
  }
  int ahead_byte() const { return bytes_[at_ / 8] >> (at_ % 8); }

  base::Bytes bytes_;
  std::size_t end_;
  std::uint64_t at_ = 0;
};

}  // namespace tt::codec
