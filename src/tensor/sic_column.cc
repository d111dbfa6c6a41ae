#include "tensor/sic_column.h"

#include <algorithm>
#include <cmath>

#include "tensor/vector_clones.h"

namespace tt::tensor {
namespace {

struct Counts {
  std::int64_t zeros = 0, sum = 0;
};

constexpr std::size_t kChunk = 4096;

// floor(a + up), at least 1, for 0 <= up < 1; the sum itself would be rounded where `a` is large.
inline std::int32_t rounded_up(float a, float up) {
  const auto below = static_cast<std::int32_t>(a);
  return std::max(below + (a - static_cast<float>(below) >= 1 - up ? 1 : 0), 1);
}

TT_VECTOR_CLONES Counts count_codes(const float* targets, std::size_t count, float inverse, float most,
                                    float zero_below, float up) {
  std::int32_t zeros = 0, sum = 0;  // kChunk * kTallyCap fits
  for (std::size_t i = 0; i < count; ++i) {
    const float scaled = targets[i] * inverse;
    const float a = std::min(scaled < 0 ? -scaled : scaled, most);
    const std::int32_t near = rounded_up(a, up);
    const std::int32_t z = a < zero_below ? 0 : near;
    zeros += z == 0 ? 1 : 0;
    sum += std::min(z, kTallyCap);
  }
  return {zeros, sum};
}

TT_VECTOR_CLONES void write_codes(const float* targets, const float* originals, std::size_t count,
                                  const ColumnRule& rule, std::int32_t* codes, float* errors) {
  for (std::size_t i = 0; i < count; ++i) {
    const float scaled = targets[i] * rule.inverse;
    const float a = std::min(scaled < 0 ? -scaled : scaled, rule.most);
    const std::int32_t near = rounded_up(a, rule.thresholds.up);
    const std::int32_t z = a < rule.thresholds.zero_below ? 0 : near;
    const std::int32_t code = scaled < 0 ? -z : z;
    codes[i] = code;
    errors[i] = originals[i] - static_cast<float>(code) * rule.step;
  }
}

}  // namespace

void TallyPrior::remember(const Tally& column) {
  const double count = column.zeros + column.others;
  if (count == 0) return;
  const double weight = kPriorCodes / count, fresh = seen_.zeros + seen_.others > 0 ? 0.25 : 1;
  seen_.zeros += fresh * (column.zeros * weight - seen_.zeros);
  seen_.others += fresh * (column.others * weight - seen_.others);
  seen_.sum += fresh * (column.sum * weight - seen_.sum);
}

Tally TallyPrior::with(Tally tally) const {
  return {tally.zeros + seen_.zeros, tally.others + seen_.others, tally.sum + seen_.sum};
}

CodeBits bits_by(const Tally& tally) {
  const double total = tally.zeros + tally.others;
  const double zero = (tally.zeros + 0.5) / (total + 1);
  const double mean = (tally.sum + 1) / (tally.others + 1);
  const double further = std::clamp(1 - 1 / mean, 0.02, 0.999);  // P(|z| > k given |z| >= k)
  return {-std::log2(zero), -std::log2(1 - zero) - std::log2(1 - further), -std::log2(further)};
}

Thresholds cheapest(const Tally& tally, double price) {
  const CodeBits bits = bits_by(tally);
  const double to_one = std::max(0.0, price / 2 * (1 + bits.one - bits.zero));
  const double to_next = std::min(0.49, price / 2 * bits.more);
  return {static_cast<float>(0.5 + to_one), static_cast<float>(0.5 - to_next)};
}

Tally tally_of(std::span<const float> targets, const ColumnRule& rule) {
  Counts all;
  for (std::size_t at = 0; at < targets.size(); at += kChunk) {
    const Counts counts =
        count_codes(targets.data() + at, std::min(kChunk, targets.size() - at), rule.inverse, rule.most,
                    rule.thresholds.zero_below, rule.thresholds.up);
    all.zeros += counts.zeros;
    all.sum += counts.sum;
  }
  const auto zeros = static_cast<double>(all.zeros);
  return {zeros, static_cast<double>(targets.size()) - zeros, static_cast<double>(all.sum)};
}

double squared_residual(std::span<const float> targets, std::span<const std::int32_t> codes, float step) {
  double sums[4] = {0, 0, 0, 0};
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const double residual = double{targets[i]} - double{static_cast<float>(codes[i]) * step};
    sums[i & 3] += residual * residual;
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

ColumnResult round_column(std::span<const float> targets, std::span<const float> originals,
                          const ColumnRule& rule, std::span<std::int32_t> codes, std::span<float> errors) {
  write_codes(targets.data(), originals.data(), targets.size(), rule, codes.data(), errors.data());
  return {tally_of(targets, rule), squared_residual(targets, codes, rule.step)};
}

}  // namespace tt::tensor
