#include "runtime/distortion.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/memory.h"
#include "tensor/gram.h"
#include "tensor/random.h"

namespace tt::runtime {
namespace {

using tensor::Metric;

constexpr std::uint64_t kChunkRows = 1024;

double diagonal_error(const Metric& metric, std::span<const float> error, std::uint64_t cols) {
  double sum = 0;
  for (std::size_t i = 0; i < error.size(); ++i) {
    const double e = static_cast<double>(error[i]);
    sum += metric.values[metric.axis == 0 ? i / cols : i % cols] * e * e;
  }
  return sum;
}

// Columns meet the input: e C e^T row by row.
double row_error(const Metric& metric, std::span<const float> error, std::uint64_t rows, std::uint64_t cols) {
  double sum = 0;
  for (std::uint64_t first = 0; first < rows; first += kChunkRows) {
    const std::uint64_t count = std::min(kChunkRows, rows - first);
    const std::span<const float> part = error.subspan(first * cols, count * cols);
    const std::vector<double> product = tensor::project(metric.values, cols, {part, count, cols}, true);
    for (std::uint64_t i = 0; i < cols; ++i)
      for (std::uint64_t r = 0; r < count; ++r)
        sum += product[i * count + r] * static_cast<double>(part[r * cols + i]);
  }
  return sum;
}

double column_error(const Metric& metric, std::span<const float> error, std::uint64_t rows,
                    std::uint64_t cols) {
  const std::vector<double> product = tensor::project(metric.values, rows, {error, rows, cols}, false);
  double sum = 0;
  for (std::size_t i = 0; i < error.size(); ++i) sum += product[i] * static_cast<double>(error[i]);
  return sum;
}

}  // namespace

double metric_error(const Metric& metric, std::span<const float> error, std::uint64_t rows,
                    std::uint64_t cols) {
  const double samples = metric.samples > 0 ? metric.samples : 1;
  if (metric.kind == Metric::Kind::identity) return tensor::squared_norm(error);
  if (metric.kind == Metric::Kind::diagonal) return diagonal_error(metric, error, cols) / samples;
  return (metric.axis == 1 ? row_error(metric, error, rows, cols) : column_error(metric, error, rows, cols)) /
         samples;
}

std::optional<Distorted> distort(tensor::WeightData weight, const Metric& metric, double relative,
                                 std::uint64_t seed) {
  const tensor::WeightLayout& layout = weight.layout;
  if (!tensor::all_finite(layout.dtype, weight.payload)) return std::nullopt;
  const std::vector<float> values = weight.values();
  const std::size_t bytes = weight.payload.size();
  base::release(weight.payload);  // a table may be half of the model
  std::vector<float> noise(values.size());
  for (std::size_t i = 0; i < noise.size(); ++i)
    noise[i] = static_cast<float>(tensor::random_uniform(seed, i));
  const double wanted = relative * relative * metric_error(metric, values, layout.rows, layout.cols);
  const double have = metric_error(metric, noise, layout.rows, layout.cols);
  const double scale = std::sqrt(wanted / have);
  if (!(wanted > 0) || !(have > 0) || !std::isfinite(scale)) return std::nullopt;
  for (std::size_t i = 0; i < noise.size(); ++i)
    noise[i] = static_cast<float>(static_cast<double>(values[i]) + scale * static_cast<double>(noise[i]));
  Distorted result;
  result.payload.resize(bytes);
  tensor::from_float(layout.dtype, noise, result.payload);
  tensor::to_float(layout.dtype, result.payload, noise);
  for (std::size_t i = 0; i < noise.size(); ++i) noise[i] -= values[i];
  result.error = metric_error(metric, noise, layout.rows, layout.cols);
  if (!(result.error > 0) || !std::isfinite(result.error)) return std::nullopt;
  return result;
}

}  // namespace tt::runtime
