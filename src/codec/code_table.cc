#include "codec/code_table.h"

#include <bit>
#include <cmath>

namespace tt::codec {
namespace {

constexpr std::int32_t kPrior = 1024;              // sum of the counts before the first occurrence
constexpr std::int64_t kForget = 60000 * 32;       // counts are halved above this sum
constexpr std::uint32_t kLowest = (127 - 10) * 4;  // class 0 begins at 2^-10, there are four an octave

}  // namespace

float class_begin(std::uint32_t code_class) {
  return std::bit_cast<float>((kLowest + code_class) << 21);
}

void CodeTable::reset(std::uint32_t code_class, bool odd) {
  escape_ = escape_symbol(code_class);
  const float middle = (class_begin(code_class) + class_begin(code_class + 1)) / 2;
  const double q = static_cast<double>(middle) * 0.75;
  const double t = (std::sqrt(1 + 4 * q * q) - 1) / (2 * q);
  double power = (odd ? t * t : t) * (1 - t * t) * kPrior;
  counts_.fill(0);
  counts_[0] = static_cast<std::int32_t>((odd ? 1 - t * t : 1 - t) * kPrior);
  for (std::uint32_t s = 1; s <= escape_; ++s) {
    counts_[s] = static_cast<std::int32_t>(power);
    power = power * t * t;
  }
  changed_ = true;
  adapt();
}

void CodeTable::adapt() {
  if (!changed_) return;
  changed_ = false;
  std::int64_t sum = 0;
  for (const std::int32_t count : counts_) sum += count;
  if (sum > kForget) {
    sum = 0;
    for (std::int32_t& count : counts_) sum += count >>= 1;
  }
  const double scale = static_cast<double>(kCodeTotal - escape_ - 1) / static_cast<double>(sum);
  std::array<std::uint32_t, kMaxSymbol + 1> frequency{};
  for (std::uint32_t s = 0; s <= kMaxSymbol; ++s)
    frequency[s] = static_cast<std::uint32_t>(static_cast<std::int32_t>(counts_[s] * scale)) + 1;
  std::uint32_t end = kCodeTotal;
  for (std::uint32_t s = escape_; s > 0; --s) {  // symbol 0 gets what rounding leaves
    bounds_[s + 1] = static_cast<std::uint16_t>(end);
    end -= frequency[s];
  }
  bounds_[1] = static_cast<std::uint16_t>(end);
  for (std::uint32_t s = escape_ + 2; s < bounds_.size(); ++s) bounds_[s] = 0xffff;
}

void SignTable::adapt() {
  const double share = (static_cast<double>(agreed_) + 8) / (static_cast<double>(seen_) + 16);
  likely_ = static_cast<std::uint32_t>(share * (kCodeTotal - 2)) + 1;
}

}  // namespace tt::codec
