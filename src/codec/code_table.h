// The adaptive frequency tables of code streams: of the symbols of one class, and of a sign.
#pragma once

#include <array>
#include <cstdint>

namespace tt::codec {

inline constexpr unsigned kCodeBits = 15;
inline constexpr std::uint32_t kCodeTotal = 1u << kCodeBits;
inline constexpr std::uint32_t kCodeClasses = 52;
inline constexpr std::uint32_t kMaxSymbol = 32;

// Symbols 0..escape-1 are magnitudes.
constexpr std::uint32_t escape_symbol(std::uint32_t code_class) {
  return code_class < 20 ? 8 : kMaxSymbol;
}

// Class c stands for expected magnitudes from 3/4 * class_begin(c) to 3/4 * class_begin(c + 1).
float class_begin(std::uint32_t code_class);

// A symbol's interval is [start, start + frequency) of [0, 2^15). The innermost loops come here: .data()
// skips the checks of operator[].
class CodeTable {
 public:
  // Discretised Laplace distribution with the mean magnitude of the class: P(0) = 1 - t, P(k) = t^(2k-1) (1 -
  // t^2); of odd codes P(k) = t^2k (1 - t^2).
  void reset(std::uint32_t code_class, bool odd = false);
  void count(std::uint32_t symbol) { counts_.data()[symbol] += kSeen, changed_ = true; }
  // Makes the frequencies follow the counts.
  void adapt();

  std::uint32_t start(std::uint32_t symbol) const { return bounds_.data()[symbol]; }
  std::uint32_t frequency(std::uint32_t symbol) const {
    return static_cast<std::uint32_t>(bounds_.data()[symbol + 1]) - bounds_.data()[symbol];
  }
  std::uint32_t find(std::uint32_t slot) const {
    std::uint16_t below = 0;
    const std::uint16_t* const bounds = bounds_.data() + 1;
    for (std::uint32_t s = 0; s < kMaxSymbol; ++s)
      below = static_cast<std::uint16_t>(below + (bounds[s] <= static_cast<std::uint16_t>(slot) ? 1 : 0));
    return below;
  }

 private:
  static constexpr std::int32_t kSeen = 32;  // what one occurrence adds to a count

  std::array<std::uint16_t, kMaxSymbol + 2> bounds_{};
  std::array<std::int32_t, kMaxSymbol + 1> counts_{};
  std::uint32_t escape_ = 0;
  bool changed_ = false;
};

// How often the likely sign was right.
class SignTable {
 public:
  void count(bool agreed) { agreed_ += agreed ? 1 : 0, ++seen_; }
  void adapt();
  std::uint32_t likely() const { return likely_; }  // frequency of 2^15

 private:
  std::uint64_t agreed_ = 0, seen_ = 0;
  std::uint32_t likely_ = kCodeTotal / 2;
};

}  // namespace tt::codec
