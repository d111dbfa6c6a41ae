#include <cblas.h>
#include <lapacke.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "tensor/sic.h"

namespace tt::tensor {
namespace {

constexpr std::uint64_t kMaxInputs = 32000;  // LAPACK's 32-bit integers

[[noreturn]] void refuse(const std::string& why) {
  throw base::Error(base::ErrorKind::bad_data, "unusable metric of a layer's input, " + why,
                    "calibrate again, or compress without calibration");
}

void check_metric(const Metric& metric) {
  const std::uint64_t n = metric.size;
  const bool full = metric.kind == Metric::Kind::full;
  if (full && n > kMaxInputs) refuse(std::to_string(n) + " inputs are too many");
  const std::uint64_t expected = metric.kind == Metric::Kind::identity ? 0 : full ? n * n : n;
  if (metric.values.size() != expected || metric.axis > 1) refuse("its size is wrong");
  for (const double value : metric.values)
    if (!std::isfinite(value)) refuse("it holds values that are not finite");
  for (std::uint64_t k = 0; k < n && expected > 0; ++k)
    if (metric.values[full ? k * n + k : k] < 0) refuse("its diagonal holds negative values");
}

std::vector<double> diagonal_of(const Metric& metric) {
  if (metric.kind == Metric::Kind::diagonal) return metric.values;
  std::vector<double> diagonal(metric.size, 1.0);
  if (metric.kind == Metric::Kind::identity) return diagonal;
  for (std::uint64_t k = 0; k < metric.size; ++k) diagonal[k] = metric.values[k * metric.size + k];
  return diagonal;
}

std::vector<std::uint64_t> descending(const std::vector<double>& diagonal) {
  std::vector<std::uint64_t> order(diagonal.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint64_t a, std::uint64_t b) { return diagonal[a] > diagonal[b]; });
  return order;
}

// The lower Cholesky factor (column-major) of C + ridge I with rows and columns in the reversed order; empty
// if that is not positive definite. Reversed, a lower factor is the upper one that is wanted.
std::vector<double> reversed_factor(const Metric& metric, const std::vector<std::uint64_t>& order,
                                    double ridge) {
  const std::uint64_t n = order.size();
  std::vector<double> a(n * n);
  for (std::uint64_t i = 0; i < n; ++i) {
    const double* const row = metric.values.data() + order[n - 1 - i] * n;
    for (std::uint64_t j = 0; j <= i; ++j) a[i * n + j] = row[order[n - 1 - j]];
    a[i * n + i] += ridge;
  }
  const auto side = static_cast<lapack_int>(n);
  // Row-major lower is column-major upper: A = R^T R, and R^T is read as the lower factor in row-major order.
  if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', side, a.data(), side) != 0) return {};
  return a;
}

}  // namespace

SicPlan::SicPlan(const Metric& metric, double damping) : axis_(metric.axis) {
  check_metric(metric);
  const std::vector<double> diagonal = diagonal_of(metric);
  const double trace = std::accumulate(diagonal.begin(), diagonal.end(), 0.0);
  uniform_ = metric.kind == Metric::Kind::identity || trace == 0;
  if (uniform_) {
    order_.resize(metric.size);
    std::iota(order_.begin(), order_.end(), 0);
    gains_.assign(metric.size, 1.0);
    return;
  }
  order_ = descending(diagonal);
  const double mean = trace / static_cast<double>(metric.size);
  if (metric.kind == Metric::Kind::diagonal)
    prepare_diagonal(diagonal, damping * mean);
  else
    prepare_full(metric, damping * mean);
}

void SicPlan::prepare_diagonal(const std::vector<double>& diagonal, double damping) {
  ridge_ = damping;
  gains_.reserve(order_.size());
  for (const std::uint64_t input : order_) gains_.push_back(std::sqrt(diagonal[input] + ridge_));
}

void SicPlan::prepare_full(const Metric& metric, double damping) {
  const std::uint64_t n = order_.size();
  std::vector<double> lower;
  for (int attempt = 0; attempt < 4 && lower.empty(); ++attempt) {
    ridge_ = damping * std::pow(10.0, attempt);
    lower = reversed_factor(metric, order_, ridge_);
  }
  if (lower.empty()) refuse("it is not positive semidefinite");
  gains_.resize(n);
  for (std::uint64_t k = 0; k < n; ++k) gains_[k] = lower[(n - 1 - k) * n + (n - 1 - k)];
  feedback_.assign(n * n, 0.0f);
  for (std::uint64_t k = 0; k < n; ++k) {
    const double* const row = lower.data() + (n - 1 - k) * n;
    for (std::uint64_t i = k + 1; i < n; ++i)
      feedback_[k * n + i] = static_cast<float>(row[n - 1 - i] / gains_[i]);
  }
}

namespace {

// sum over outputs of a^T C a, a panel of outputs at a time, in double.
double full_energy(const MatrixView& values, const Metric& metric) {
  const std::uint64_t n = metric.size, outputs = metric.axis == 1 ? values.rows : values.cols;
  const std::uint64_t step =
      std::max<std::uint64_t>(64, (std::uint64_t{1} << 18) / std::max<std::uint64_t>(n, 1));
  std::vector<double> panel, product;
  double sum = 0;
  for (std::uint64_t first = 0; first < outputs; first += step) {
    const std::uint64_t count = std::min(step, outputs - first);
    panel.resize(count * n);
    product.resize(count * n);
    for (std::uint64_t o = 0; o < count; ++o)
      for (std::uint64_t i = 0; i < n; ++i)
        panel[o * n + i] =
            metric.axis == 1 ? values.values[(first + o) * n + i] : values.values[i * outputs + first + o];
    const auto rows = static_cast<blasint>(count), side = static_cast<blasint>(n);
    cblas_dsymm(CblasRowMajor, CblasRight, CblasUpper, rows, side, 1.0, metric.values.data(), side,
                panel.data(), side, 0.0, product.data(), side);
    for (std::uint64_t i = 0; i < panel.size(); ++i) sum += panel[i] * product[i];
  }
  return sum;
}

}  // namespace

double metric_energy(const MatrixView& values, const Metric& metric) {
  if (metric.kind == Metric::Kind::identity) return squared_norm(values.values);
  if ((metric.axis == 1 ? values.cols : values.rows) != metric.size) refuse("its size is wrong");
  if (metric.kind == Metric::Kind::full) return values.values.empty() ? 0 : full_energy(values, metric);
  double sum = 0;
  for (std::uint64_t r = 0; r < values.rows; ++r)
    for (std::uint64_t c = 0; c < values.cols; ++c) {
      const double value = values.values[r * values.cols + c];
      sum += value * value * metric.values[metric.axis == 1 ? c : r];
    }
  return sum;
}

}  // namespace tt::tensor
