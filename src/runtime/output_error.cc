#include "runtime/output_error.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/text.h"
#include "runtime/rows.h"
#include "runtime/statistics.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;

constexpr std::size_t kBlock = 4096;  // values
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Means and second moments of pairs, joined block by block: Chan, Golub, LeVeque, Updating formulae and a
// pairwise algorithm for computing sample variances, 1979, formula 2.1.
struct Moments {
  double count = 0, mean_x = 0, mean_y = 0;
  ExactSum xx, yy, xy;

  void join(double n, double block_x, double block_y, double block_xx, double block_yy, double block_xy) {
    const double all = count + n, dx = block_x - mean_x, dy = block_y - mean_y, share = count * n / all;
    xx.add(block_xx + dx * dx * share);
    yy.add(block_yy + dy * dy * share);
    xy.add(block_xy + dx * dy * share);
    mean_x += dx * n / all;
    mean_y += dy * n / all;
    count = all;
  }
};

double cosine(double dot, double norm_x, double norm_y, bool equal) {
  if (equal) return 1;
  if (norm_x == 0 || norm_y == 0) return 0;
  return std::clamp(dot / (std::sqrt(norm_x) * std::sqrt(norm_y)), -1.0, 1.0);
}

}  // namespace

struct OutputError::Sums {
  std::string name;
  std::uint64_t values = 0, rows = 0, non_finite = 0;
  std::vector<double> x, y;  // the open block
  ExactSum squares, absolutes, original;
  double largest = 0, cosine_min = 1;
  double low_x = INFINITY, high_x = -INFINITY, low_y = INFINITY, high_y = -INFINITY;
  ExactSum cosines;
  Moments moments;

  void add_value(double a, double b);
  void add_row(const double* a, const double* b, std::size_t count);
  void close_block();
  double pearson() const;
};

void OutputError::Sums::add_value(double a, double b) {
  x.push_back(a);
  y.push_back(b);
  if (x.size() == kBlock) close_block();
}

// One row for the cosine; its values are finite.
void OutputError::Sums::add_row(const double* a, const double* b, std::size_t count) {
  double dot = 0, norm_a = 0, norm_b = 0;
  for (std::size_t i = 0; i < count; ++i) {
    dot += a[i] * b[i];
    norm_a += a[i] * a[i];
    norm_b += b[i] * b[i];
  }
  const double value = cosine(dot, norm_a, norm_b, std::equal(a, a + count, b));
  cosines.add(value);
  if (rows == 0 || std::isnan(value) || value < cosine_min) cosine_min = value;
  ++rows;
}

void OutputError::Sums::close_block() {
  const std::size_t n = x.size();
  if (n == 0) return;
  double square = 0, absolute = 0, norm = 0, sum_x = 0, sum_y = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double error = x[i] - y[i];
    square += error * error;
    absolute += std::abs(error);
    largest = std::max(largest, std::abs(error));
    norm += x[i] * x[i];
    sum_x += x[i];
    sum_y += y[i];
  }
  const double mean_x = sum_x / static_cast<double>(n), mean_y = sum_y / static_cast<double>(n);
  double xx = 0, yy = 0, xy = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double dx = x[i] - mean_x, dy = y[i] - mean_y;
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  const auto [least_x, most_x] = std::minmax_element(x.begin(), x.end());
  const auto [least_y, most_y] = std::minmax_element(y.begin(), y.end());
  low_x = std::min(low_x, *least_x), high_x = std::max(high_x, *most_x);
  low_y = std::min(low_y, *least_y), high_y = std::max(high_y, *most_y);
  squares.add(square);
  absolutes.add(absolute);
  original.add(norm);
  moments.join(static_cast<double>(n), mean_x, mean_y, xx, yy, xy);
  x.clear();
  y.clear();
}

double OutputError::Sums::pearson() const {
  if (absolutes.value() == 0) return 1;
  if (low_x == high_x || low_y == high_y) return 0;
  const double root = std::sqrt(moments.xx.value()) * std::sqrt(moments.yy.value());
  return std::clamp(moments.xy.value() / root, -1.0, 1.0);
}

OutputError::OutputError(std::string name) : sums_(std::make_unique<Sums>()) {
  sums_->name = std::move(name);
}
OutputError::OutputError(OutputError&&) noexcept = default;
OutputError& OutputError::operator=(OutputError&&) noexcept = default;
OutputError::~OutputError() = default;

void OutputError::add(const Array& original, const Array& candidate, std::span<const std::uint8_t> keep) {
  const std::string what = "output " + base::quoted(sums_->name);
  require_same_shape(original, candidate, what);
  const Rows rows = rows_of(original.shape);
  const std::vector<double> x = to_doubles(original), y = to_doubles(candidate);
  if (!keep.empty() && x.size() % keep.size() != 0)
    throw Error(ErrorKind::bad_data, what + " has " + std::to_string(x.size()) + " values, the mask has " +
                                         std::to_string(keep.size()));
  const std::size_t width = keep.empty() ? 1 : x.size() / keep.size();  // values of a flag
  std::vector<double> row_x, row_y;
  for (std::uint64_t r = 0; r < rows.count(); ++r) {
    row_x.clear(), row_y.clear();
    for (std::uint64_t i = r * rows.length; i < (r + 1) * rows.length; ++i) {
      if (!keep.empty() && keep[i / width] == 0) continue;
      if (!std::isfinite(x[i]))
        throw Error(ErrorKind::bad_data, what + " of the original is not finite on these samples",
                    "the original itself fails on them: nothing can be compared");
      ++sums_->values;
      if (!std::isfinite(y[i])) {
        ++sums_->non_finite;
        continue;
      }
      sums_->add_value(x[i], y[i]);
      row_x.push_back(x[i]);
      row_y.push_back(y[i]);
    }
    if (!row_x.empty()) sums_->add_row(row_x.data(), row_y.data(), row_x.size());
  }
}

OutputMetrics OutputError::result() const {
  Sums sums = *sums_;
  sums.close_block();
  if (sums.values == 0)
    throw Error(ErrorKind::bad_data, "nothing of output " + base::quoted(sums.name) + " was compared",
                "there are no samples, the output is empty, or the mask leaves everything out");
  if (sums.non_finite > 0)
    return {sums.name, sums.values, sums.non_finite, kNan, kNan, kNan, kNan, kNan, kNan, kNan};
  const auto n = static_cast<double>(sums.values);
  const double error = sums.squares.value(), norm = sums.original.value();
  OutputMetrics metrics{sums.name, sums.values, 0};
  metrics.mse = error / n;
  metrics.mae = sums.absolutes.value() / n;
  metrics.max_abs_error = sums.largest;
  metrics.relative_error = error == 0 ? 0 : std::sqrt(error) / std::sqrt(norm);
  metrics.pearson = sums.pearson();
  metrics.cosine_mean = sums.cosines.value() / static_cast<double>(sums.rows);
  metrics.cosine_min = sums.cosine_min;
  return metrics;
}

}  // namespace tt::runtime
