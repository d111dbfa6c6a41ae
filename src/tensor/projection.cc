#include "tensor/projection.h"

#include <cblas.h>
#include <lapacke.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "tensor/gram.h"

namespace tt::tensor {
namespace {

using base::Error;
using base::ErrorKind;

bool all_finite(const auto& values) {
  return std::all_of(values.begin(), values.end(), [](auto value) { return std::isfinite(value); });
}

lapack_int lapack_size(std::uint64_t value) {
  if (value > static_cast<std::uint64_t>(std::numeric_limits<lapack_int>::max()))
    throw Error(ErrorKind::bad_data,
                "cannot project on directions of length " + std::to_string(value) + ", that is too large");
  return static_cast<lapack_int>(value);
}

// Every vector that is not zero, at unit length. Scaled by the largest entry first: squares of 1e300
// overflow.
std::vector<double> unit_vectors(const std::vector<double>& vectors, std::uint64_t count,
                                 std::uint64_t length) {
  std::vector<double> units;
  for (std::uint64_t k = 0; k < count; ++k) {
    const double* const v = vectors.data() + k * length;
    double largest = 0, squares = 0;
    for (std::uint64_t i = 0; i < length; ++i) largest = std::max(largest, std::abs(v[i]));
    if (largest == 0) continue;
    for (std::uint64_t i = 0; i < length; ++i) squares += (v[i] / largest) * (v[i] / largest);
    for (std::uint64_t i = 0; i < length; ++i) units.push_back(v[i] / largest / std::sqrt(squares));
  }
  return units;
}

// C with its ridge as a full matrix.
std::vector<double> full_matrix(const Metric& metric, std::uint64_t n, double ridge) {
  std::vector<double> c(n * n, 0.0);
  if (metric.kind == Metric::Kind::full) c = metric.values;
  double trace = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    if (metric.kind == Metric::Kind::diagonal) c[i * n + i] = metric.values[i];
    if (metric.kind == Metric::Kind::identity) c[i * n + i] = 1;
    trace += c[i * n + i];
  }
  for (std::uint64_t i = 0; i < n; ++i) c[i * n + i] += ridge * trace / static_cast<double>(n);
  return c;
}

void check_metric(const Metric& metric, std::uint64_t n) {
  const std::uint64_t values = metric.kind == Metric::Kind::identity ? 0
                               : metric.kind == Metric::Kind::full   ? n * n
                                                                     : n;
  if (metric.size != n || metric.values.size() != values)
    throw Error(ErrorKind::bad_data, "a metric of " + std::to_string(metric.size) +
                                         " inputs does not fit directions of length " + std::to_string(n));
  if (!all_finite(metric.values))
    throw Error(ErrorKind::bad_data, "a metric holds values that are not finite");
}

// x := C^-1 x for the rows of x; C is overwritten.
void solve(std::vector<double>& c, std::uint64_t n, std::vector<double>& x, std::uint64_t count) {
  const auto side = lapack_size(n);
  // Both are symmetric or given as columns: row-major upper is column-major lower.
  if (LAPACKE_dposv(LAPACK_COL_MAJOR, 'L', side, lapack_size(count), c.data(), side, x.data(), side) != 0)
    throw Error(ErrorKind::bad_data, "a metric is not positive definite", "give more samples, or other ones");
}

void check_side(std::uint64_t side, const Projection& projection) {
  if (side != projection.length)
    throw Error(ErrorKind::bad_data, "directions of length " + std::to_string(projection.length) +
                                         " do not fit a side of " + std::to_string(side));
}

// Of every row of W (axis 1) or column (axis 0): count x the other side.
std::vector<double> responses(const MatrixView& weight, const Projection& projection, unsigned axis) {
  check_side(axis == 1 ? weight.cols : weight.rows, projection);
  return project(projection.directions, projection.count, weight, axis == 1);
}

std::vector<double> responses(std::span<const double> weight, std::uint64_t rows, std::uint64_t cols,
                              const Projection& projection, unsigned axis) {
  check_side(axis == 1 ? cols : rows, projection);
  const std::uint64_t others = axis == 1 ? rows : cols;
  std::vector<double> out(projection.count * others);
  cblas_dgemm(CblasRowMajor, CblasNoTrans, axis == 1 ? CblasTrans : CblasNoTrans,
              lapack_size(projection.count), lapack_size(others), lapack_size(projection.length), 1.0,
              projection.directions.data(), lapack_size(projection.length), weight.data(), lapack_size(cols),
              0.0, out.data(), lapack_size(others));
  return out;
}

// W + amount (W Q^T) B or W + amount B^T (Q W), row by row in double.
template <typename T>
std::vector<T> changed(std::span<const T> weight, std::uint64_t rows, std::uint64_t cols,
                       const std::vector<double>& seen, const Projection& projection, unsigned axis,
                       double amount) {
  std::vector<T> result(rows * cols);
  std::vector<double> row(cols);
  for (std::uint64_t i = 0; i < rows; ++i) {
    for (std::uint64_t j = 0; j < cols; ++j) row[j] = static_cast<double>(weight[i * cols + j]);
    for (std::uint64_t k = 0; k < projection.count; ++k) {
      const double factor = amount * (axis == 1 ? seen[k * rows + i] : projection.duals[k * rows + i]);
      const double* const along = axis == 1 ? &projection.duals[k * cols] : &seen[k * cols];
      for (std::uint64_t j = 0; j < cols; ++j) row[j] += factor * along[j];
    }
    std::transform(row.begin(), row.end(), result.begin() + static_cast<std::ptrdiff_t>(i * cols),
                   [](double value) { return static_cast<T>(value); });
  }
  if (!all_finite(result))
    throw Error(ErrorKind::bad_data, "a projected matrix holds values that are not finite");
  return result;
}

}  // namespace

Projection orthogonal_projection(const std::vector<double>& vectors, std::uint64_t count,
                                 std::uint64_t length) {
  if (count == 0 || length == 0 || vectors.size() != count * length)
    throw Error(ErrorKind::bad_data, "there is no direction to project on");
  if (!all_finite(vectors)) throw Error(ErrorKind::bad_data, "a direction holds values that are not finite");
  std::vector<double> q = unit_vectors(vectors, count, length);
  if (q.empty()) throw Error(ErrorKind::bad_data, "all directions are zero");
  const lapack_int rows = lapack_size(length), cols = lapack_size(q.size() / length);
  const lapack_int most = std::min(rows, cols);
  std::vector<lapack_int> order(static_cast<std::size_t>(cols), 0);
  std::vector<double> tau(static_cast<std::size_t>(most));
  // The rows of a row-major matrix are the columns that LAPACK sees.
  lapack_int info = LAPACKE_dgeqp3(LAPACK_COL_MAJOR, rows, cols, q.data(), rows, order.data(), tau.data());
  lapack_int rank = 0;
  while (rank < most &&
         std::abs(q[static_cast<std::size_t>(rank) * length + static_cast<std::size_t>(rank)]) > kDependent)
    ++rank;
  if (info == 0) info = LAPACKE_dorgqr(LAPACK_COL_MAJOR, rows, rank, rank, q.data(), rows, tau.data());
  if (info != 0) throw Error(ErrorKind::internal, "a QR decomposition failed");
  Projection projection{static_cast<std::uint64_t>(rank), length, {}, {}};
  q.resize(projection.count * length);
  projection.directions = projection.duals = std::move(q);
  return projection;
}

Projection projection_in(const Projection& projection, const Metric& metric, double ridge) {
  const std::uint64_t n = projection.length, count = projection.count;
  check_metric(metric, n);
  if (metric.kind == Metric::Kind::identity) return projection;
  std::vector<double> c = full_matrix(metric, n, ridge);
  if (std::all_of(c.begin(), c.end(), [](double value) { return value == 0; })) return projection;
  Projection result = projection;
  solve(c, n, result.duals, count);
  std::vector<double> small(count * count);
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, lapack_size(count), lapack_size(count), lapack_size(n),
              1.0, projection.directions.data(), lapack_size(n), result.duals.data(), lapack_size(n), 0.0,
              small.data(), lapack_size(count));
  // duals := small^-1 duals, with the columns of the row-major duals as the right-hand sides.
  if (LAPACKE_dposv(LAPACK_ROW_MAJOR, 'U', lapack_size(count), lapack_size(n), small.data(),
                    lapack_size(count), result.duals.data(), lapack_size(n)) != 0)
    throw Error(ErrorKind::bad_data, "a metric is not positive definite", "give more samples, or other ones");
  return result;
}

std::vector<float> projected(const MatrixView& weight, const Projection& projection, unsigned axis,
                             double amount) {
  return changed(weight.values, weight.rows, weight.cols, responses(weight, projection, axis), projection,
                 axis, amount);
}

std::vector<double> projected(std::span<const double> weight, std::uint64_t rows, std::uint64_t cols,
                              const Projection& projection, unsigned axis, double amount) {
  return changed(weight, rows, cols, responses(weight, rows, cols, projection, axis), projection, axis,
                 amount);
}

double response(const MatrixView& weight, const Projection& projection, unsigned axis) {
  double squares = 0;
  for (const double value : responses(weight, projection, axis)) squares += value * value;
  return std::sqrt(squares);
}

}  // namespace tt::tensor
