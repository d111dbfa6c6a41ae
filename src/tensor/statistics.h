// Figures that say what kind of numbers a weight holds.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace tt::tensor {

// Of the finite values alone; all zero if there are none. Two passes in double in index order.
inline constexpr std::array<double, 3> kOutlierSigmas = {3, 4, 6};
// Values that are counted one by one: more distinct ones than this are "many".
inline constexpr std::uint64_t kMaxDistinct = 256;

struct Statistics {
  std::uint64_t count = 0;         // finite values
  std::uint64_t not_finite = 0;    // NaN and infinity
  double mean = 0, deviation = 0;  // deviation: sqrt(sum (w - mean)^2 / count)
  double norm = 0;                 // sqrt(sum w^2)
  double min = 0, max = 0;
  // m4 / m2^2 - 3 of the central moments: 0 for a Gaussian, -2 for two values of equal share, 3 for a Laplace
  // distribution. 0 where the deviation is 0.
  double excess_kurtosis = 0;
  double zeros = 0;  // share of values that are 0
  // Shares of |w - mean| above 3, 4 and 6 deviations (0.0027, 6.3e-5 and 2e-9 of a Gaussian).
  std::array<double, 3> outliers{};
  double largest = 0;                     // the largest |w - mean| / deviation
  std::optional<std::uint64_t> distinct;  // nothing above kMaxDistinct
};

Statistics statistics_of(std::span<const float> values);

}  // namespace tt::tensor
