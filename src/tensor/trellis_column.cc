#include "tensor/trellis_column.h"

#include <algorithm>
#include <cmath>

#include "tensor/vector_clones.h"

namespace tt::tensor {
namespace {

constexpr double kManyZeros = 0.4;  // of all codes: then a second search knows much better what they cost
constexpr std::size_t kChunk = 4096;
constexpr float kLeastMost = 8;  // where codes may not be larger the values are far below one step

struct Counts {
  std::int64_t even_zeros = 0, even_sum = 0, odd_zeros = 0, odd_sum = 0;
};

// As if all codes were even, and as if all were odd; each counts as half.
TT_VECTOR_CLONES Counts count_nearest(const float* targets, std::size_t count, float inverse) {
  std::int32_t even_zeros = 0, even_sum = 0, odd_zeros = 0, odd_sum = 0;  // kChunk * kTallyCap fits
  for (std::size_t i = 0; i < count; ++i) {
    const float scaled = targets[i] * inverse * 0.5f, size = scaled < 0 ? -scaled : scaled;
    const auto odd = static_cast<std::int32_t>(size > kTallyCap ? static_cast<float>(kTallyCap) : size);
    const float rounded = size + 0.5f;
    const auto even =
        static_cast<std::int32_t>(rounded > kTallyCap ? static_cast<float>(kTallyCap) : rounded);
    even_zeros += even == 0 ? 1 : 0;
    even_sum += even;
    odd_zeros += odd == 0 ? 1 : 0;
    odd_sum += odd;
  }
  return {even_zeros, even_sum, odd_zeros, odd_sum};
}

void write_errors(std::span<const float> originals, std::span<const std::int32_t> codes, float step,
                  std::span<float> errors) {
  for (std::size_t i = 0; i < codes.size(); ++i)
    errors[i] = originals[i] - static_cast<float>(codes[i]) * step;
}

}  // namespace

TrellisColumns::Tallies TrellisColumns::nearest(std::span<const float> targets, float inverse) {
  Counts all;
  for (std::size_t at = 0; at < targets.size(); at += kChunk) {
    const Counts some = count_nearest(targets.data() + at, std::min(kChunk, targets.size() - at), inverse);
    all.even_zeros += some.even_zeros;
    all.even_sum += some.even_sum;
    all.odd_zeros += some.odd_zeros;
    all.odd_sum += some.odd_sum;
  }
  const auto tally = [&](std::int64_t zeros, std::int64_t sum) {
    const auto none = static_cast<double>(zeros);
    return Tally{none / 2, (static_cast<double>(targets.size()) - none) / 2, static_cast<double>(sum) / 2};
  };
  return {tally(all.even_zeros, all.even_sum), tally(all.odd_zeros, all.odd_sum)};
}

TrellisColumns::Tallies TrellisColumns::of_codes(std::span<const std::int32_t> codes) const {
  Tallies found;
  for (const std::int32_t code : codes) {
    Tally& tally = (code & 1) != 0 ? found.odd : found.even;
    const std::int32_t half = std::min(std::abs(code) / 2, kTallyCap);
    (half == 0 ? tally.zeros : tally.others) += 1;
    tally.sum += half;
  }
  return found;
}

void TrellisColumns::choose(std::span<const float> targets, const ColumnRule& rule, const Tallies& expected,
                            std::span<std::int32_t> codes) {
  const CodeBits even = bits_by(even_.with(expected.even)), odd = bits_by(odd_.with(expected.odd));
  const auto cost = [&](double bits) { return static_cast<float>(price_ * bits); };
  const TrellisPrices prices = {cost(even.zero),    cost(1 + even.one), cost(even.more),
                                cost(1 + odd.zero), cost(1 + odd.one),  cost(odd.more)};
  for (std::size_t at = 0; at < targets.size(); at += run_) {
    const std::size_t count = std::min<std::size_t>(run_, targets.size() - at);
    search_(targets.subspan(at, count), rule.inverse, std::min(rule.most, kMostTrellisCode), prices,
            codes.subspan(at, count));
  }
}

ColumnResult TrellisColumns::round(std::span<const float> targets, std::span<const float> originals,
                                   const ColumnRule& rule, std::span<std::int32_t> codes,
                                   std::span<float> errors) {
  std::fill(codes.begin(), codes.end(), 0);
  if (rule.most >= kLeastMost) choose(targets, rule, nearest(targets, rule.inverse), codes);
  Tallies found = of_codes(codes);
  if (found.even.zeros > kManyZeros * static_cast<double>(codes.size())) {
    choose(targets, rule, found, codes);
    found = of_codes(codes);
  }
  even_.remember(found.even);
  odd_.remember(found.odd);
  write_errors(originals, codes, rule.step, errors);
  const double others = found.even.others + found.odd.zeros + found.odd.others;
  return {{found.even.zeros, others, 0}, squared_residual(targets, codes, rule.step)};
}

}  // namespace tt::tensor
