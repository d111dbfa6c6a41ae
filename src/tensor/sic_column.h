// One input's codes: choosing them by distance and price, and the rounding error that they leave.
#pragma once

#include <cstdint>
#include <span>

namespace tt::tensor {

// How many codes of a column are zero, how many are not, and the sum of their magnitudes (each counted as at
// most kTallyCap).
inline constexpr std::int32_t kTallyCap = 255;
struct Tally {
  double zeros = 0, others = 0, sum = 0;
};

// What is known of a column before its codes are chosen: the tallies of the columns before it, as so many
// codes, later ones more than earlier ones.
inline constexpr double kPriorCodes = 16;
class TallyPrior {
 public:
  void remember(const Tally& column);
  Tally with(Tally tally) const;

 private:
  Tally seen_;
};

// Magnitude a (in steps) becomes 0 below zero_below, else max(1, floor(a + up)).
struct Thresholds {
  float zero_below = 0.5f, up = 0.5f;
};
// Minimise (a - z)^2 + price * bits(z), with bits(z) = -log2 of: P(0) for 0; (1 - P(0)) / 2 times a geometric
// distribution over |z| >= 1 else. `tally` must not be empty.
Thresholds cheapest(const Tally& tally, double price);
// These bits(): of 0, of 1 without its sign, and of every further step.
struct CodeBits {
  double zero = 0, one = 0, more = 0;
};
CodeBits bits_by(const Tally& tally);

struct ColumnRule {
  float step = 1, inverse = 1;
  float most = 0;  // largest magnitude of a code
  Thresholds thresholds;
};

// sum of (target - code * step)^2
double squared_residual(std::span<const float> targets, std::span<const std::int32_t> codes, float step);
Tally tally_of(std::span<const float> targets, const ColumnRule& rule);
// codes[i * stride]; errors = originals - code * step. Returns the tally of what was written and the sum of
// (target - code * step)^2.
struct ColumnResult {
  Tally tally;
  double squared = 0;
};
ColumnResult round_column(std::span<const float> targets, std::span<const float> originals,
                          const ColumnRule& rule, std::span<std::int32_t> codes, std::span<float> errors);

}  // namespace tt::tensor
