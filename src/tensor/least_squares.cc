#include <cblas.h>
#include <lapacke.h>

#include <algorithm>
#include <cmath>

#include "tensor/gram.h"

namespace tt::tensor {
namespace {

// left^T as rank x rows doubles, every row divided by its norm; the reciprocals go to `scale` (0 for a zero
// column).
std::vector<double> unit_columns(const std::vector<float>& left, std::uint64_t rows, std::uint64_t rank,
                                 std::vector<double>& scale) {
  std::vector<double> columns(rank * rows);
  scale.assign(rank, 0.0);
  for (std::uint64_t k = 0; k < rank; ++k) {
    double energy = 0;
    for (std::uint64_t i = 0; i < rows; ++i)
      energy += static_cast<double>(left[i * rank + k]) * left[i * rank + k];
    scale[k] = energy > 0 ? 1 / std::sqrt(energy) : 0;
    for (std::uint64_t i = 0; i < rows; ++i) columns[k * rows + i] = left[i * rank + k] * scale[k];
  }
  return columns;
}

}  // namespace

std::vector<float> solve_right(const MatrixView& a, const std::vector<float>& left, std::uint64_t rank,
                               double ridge) {
  if (rank == 0) return {};
  std::vector<double> scale;
  const std::vector<double> columns = unit_columns(left, a.rows, rank, scale);
  std::vector<double> gram(rank * rank);
  const auto n = static_cast<blasint>(rank), rows = static_cast<blasint>(a.rows);
  cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, n, rows, 1.0, columns.data(), rows, 0.0, gram.data(),
              n);
  for (std::uint64_t k = 0; k < rank; ++k) gram[k * rank + k] += scale[k] == 0 ? 1 : ridge;
  // Row-major upper is column-major lower.
  if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', n, gram.data(), n) != 0) return {};
  std::vector<double> right = project(columns, rank, a, false);
  // gram = L L^T in column-major terms: solve for each column of `right`, stored as rank x cols row-major.
  const auto cols = static_cast<blasint>(a.cols);
  cblas_dtrsm(CblasRowMajor, CblasLeft, CblasUpper, CblasTrans, CblasNonUnit, n, cols, 1.0, gram.data(), n,
              right.data(), cols);
  cblas_dtrsm(CblasRowMajor, CblasLeft, CblasUpper, CblasNoTrans, CblasNonUnit, n, cols, 1.0, gram.data(), n,
              right.data(), cols);
  std::vector<float> out(rank * a.cols);
  for (std::uint64_t k = 0; k < rank; ++k) {
    for (std::uint64_t j = 0; j < a.cols; ++j)
      out[k * a.cols + j] = static_cast<float>(right[k * a.cols + j] * scale[k]);
  }
  return out;
}

double residual_energy(const MatrixView& a, const std::vector<float>& left, const std::vector<float>& right,
                       std::uint64_t rank) {
  constexpr std::uint64_t kRows = 64;
  std::vector<double> r(right.begin(), right.end()), l, block;
  double sum = 0;
  for (std::uint64_t start = 0; start < a.rows; start += kRows) {
    const std::uint64_t count = std::min(kRows, a.rows - start);
    const auto from = left.begin() + static_cast<std::ptrdiff_t>(start * rank);
    l.assign(from, from + static_cast<std::ptrdiff_t>(count * rank));
    const auto values = a.values.subspan(start * a.cols, count * a.cols);
    block.assign(values.begin(), values.end());
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<blasint>(count),
                static_cast<blasint>(a.cols), static_cast<blasint>(rank), -1.0, l.data(),
                static_cast<blasint>(rank), r.data(), static_cast<blasint>(a.cols), 1.0, block.data(),
                static_cast<blasint>(a.cols));
    for (const double value : block) sum += value * value;
  }
  return sum;
}

}  // namespace tt::tensor
