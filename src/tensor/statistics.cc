#include "tensor/statistics.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace tt::tensor {
namespace {

// In units of the largest distance from the mean: the fourth power of a float32 could leave double.
struct Moments {
  double second = 0, fourth = 0;
};

void count_values(std::span<const float> values, Statistics& result) {
  double sum = 0, squares = 0;
  std::uint64_t zeros = 0;
  for (const float value : values) {
    if (!std::isfinite(value)) {
      ++result.not_finite;
      continue;
    }
    const double w = value;
    result.min = result.count == 0 ? w : std::min(result.min, w);
    result.max = result.count == 0 ? w : std::max(result.max, w);
    ++result.count;
    sum += w;
    squares += w * w;
    zeros += w == 0;
  }
  if (result.count == 0) return;
  const auto count = static_cast<double>(result.count);
  result.mean = sum / count;
  result.norm = std::sqrt(squares);
  result.zeros = static_cast<double>(zeros) / count;
}

Moments central_moments(std::span<const float> values, const Statistics& result, double scale) {
  Moments moments;
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    const double d = (static_cast<double>(value) - result.mean) / scale;
    moments.second += d * d;
    moments.fourth += d * d * d * d;
  }
  const auto count = static_cast<double>(result.count);
  return {moments.second / count, moments.fourth / count};
}

void count_outliers(std::span<const float> values, Statistics& result) {
  std::array<std::uint64_t, kOutlierSigmas.size()> counts{};
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    const double sigmas = std::abs(static_cast<double>(value) - result.mean) / result.deviation;
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += sigmas > kOutlierSigmas[i];
  }
  for (std::size_t i = 0; i < counts.size(); ++i)
    result.outliers[i] = static_cast<double>(counts[i]) / static_cast<double>(result.count);
}

std::optional<std::uint64_t> distinct_values(std::span<const float> values) {
  std::set<float> seen;
  for (const float value : values) {
    if (std::isfinite(value)) seen.insert(value);
    if (seen.size() > kMaxDistinct) return std::nullopt;
  }
  return seen.size();
}

}  // namespace

Statistics statistics_of(std::span<const float> values) {
  Statistics result;
  count_values(values, result);
  result.distinct = distinct_values(values);
  const double reach = std::max(result.max - result.mean, result.mean - result.min);
  if (result.count == 0 || !(reach > 0)) return result;
  const Moments moments = central_moments(values, result, reach);
  result.deviation = reach * std::sqrt(moments.second);
  result.excess_kurtosis = moments.fourth / (moments.second * moments.second) - 3;
  result.largest = reach / result.deviation;
  count_outliers(values, result);
  return result;
}

}  // namespace tt::tensor
