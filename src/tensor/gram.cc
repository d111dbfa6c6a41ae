#include "tensor/gram.h"

#include <cblas.h>
#include <lapacke.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace tt::tensor {
namespace {

// LAPACK takes 32-bit integers: the workspace of dsyevd, 1 + 6 d + 2 d^2, must stay below 2^31.
constexpr std::uint64_t kMaxSide = 32000;
constexpr std::uint64_t kPanelElements = std::uint64_t{1} << 18;  // 2 MiB of doubles

blasint blas_int(std::uint64_t value) {
  if (value > static_cast<std::uint64_t>(std::numeric_limits<blasint>::max())) {
    throw base::Error(base::ErrorKind::bad_data,
                      "cannot decompose a matrix, a side of " + std::to_string(value) + " is too large");
  }
  return static_cast<blasint>(value);
}

// Converts the rectangle [row, row + rows) x [col, col + cols) of a.
void load_panel(const MatrixView& a, std::uint64_t row, std::uint64_t rows, std::uint64_t col,
                std::uint64_t cols, std::vector<double>& panel) {
  panel.resize(rows * cols);
  for (std::uint64_t r = 0; r < rows; ++r) {
    const float* const from = a.values.data() + (row + r) * a.cols + col;
    std::copy(from, from + cols, panel.data() + r * cols);
  }
}

// eigenvalues ascending in `values`, eigenvectors in the columns of a column-major `matrix` (that is, in its
// rows as we store it).
lapack_int divide_and_conquer(std::vector<double>& matrix, lapack_int d, char job,
                              std::vector<double>& values) {
  double work_size = 0;
  lapack_int integer_size = 0;
  lapack_int info = LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, job, 'L', d, matrix.data(), d, values.data(),
                                        &work_size, -1, &integer_size, -1);
  if (info != 0) return info;
  // Some releases answer too little: never less than the documented minimum.
  const std::int64_t n = d, least = 1 + 6 * n + 2 * n * n, least_integers = 3 + 5 * n;
  std::vector<double> work(
      static_cast<std::size_t>(std::max<std::int64_t>(static_cast<std::int64_t>(work_size), least)));
  std::vector<lapack_int> integers(
      static_cast<std::size_t>(std::max<std::int64_t>(integer_size, least_integers)));
  return LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, job, 'L', d, matrix.data(), d, values.data(), work.data(),
                             static_cast<lapack_int>(work.size()), integers.data(),
                             static_cast<lapack_int>(integers.size()));
}

void mirror(std::vector<double>& matrix, std::uint64_t d) {
  for (std::uint64_t i = 0; i < d; ++i) {
    for (std::uint64_t j = i + 1; j < d; ++j) matrix[j * d + i] = matrix[i * d + j];
  }
}

}  // namespace

std::vector<double> gram_of(const MatrixView& a) {
  const bool wide = a.rows <= a.cols;
  const std::uint64_t d = std::min(a.rows, a.cols), length = std::max(a.rows, a.cols);
  if (d > kMaxSide) blas_int(std::numeric_limits<std::uint64_t>::max());
  std::vector<double> gram(d * d, 0.0), panel;
  const std::uint64_t step = std::max<std::uint64_t>(kPanelElements / std::max<std::uint64_t>(d, 1), 16);
  for (std::uint64_t start = 0; start < length && d > 0; start += step) {
    const std::uint64_t count = std::min(step, length - start);
    if (wide) {
      load_panel(a, 0, d, start, count, panel);
    } else {
      load_panel(a, start, count, 0, d, panel);
    }
    cblas_dsyrk(CblasRowMajor, CblasUpper, wide ? CblasNoTrans : CblasTrans, blas_int(d), blas_int(count),
                1.0, panel.data(), blas_int(wide ? count : d), 1.0, gram.data(), blas_int(d));
  }
  mirror(gram, d);
  return gram;
}

Eigen eigen_of(std::vector<double> gram, std::uint64_t d, bool with_vectors) {
  for (const double entry : gram) {
    if (!std::isfinite(entry))
      throw base::Error(base::ErrorKind::bad_data,
                        "cannot decompose a matrix, it holds values that are not finite");
  }
  const lapack_int side = blas_int(d);
  const char job = with_vectors ? 'V' : 'N';
  Eigen eigen;
  eigen.values.assign(d, 0.0);
  if (d == 0) return eigen;
  std::vector<double> copy = gram;
  lapack_int info = divide_and_conquer(gram, side, job, eigen.values);
  if (info != 0) {
    gram = std::move(copy);
    info = LAPACKE_dsyev(LAPACK_COL_MAJOR, job, 'L', side, gram.data(), side, eigen.values.data());
  }
  if (info != 0) throw base::Error(base::ErrorKind::internal, "an eigenvalue decomposition failed");
  std::reverse(eigen.values.begin(), eigen.values.end());
  if (!with_vectors) return eigen;
  for (std::uint64_t low = 0, high = d - 1; low < high; ++low, --high) {
    std::swap_ranges(gram.begin() + static_cast<std::ptrdiff_t>(low * d),
                     gram.begin() + static_cast<std::ptrdiff_t>((low + 1) * d),
                     gram.begin() + static_cast<std::ptrdiff_t>(high * d));
  }
  eigen.vectors = std::move(gram);
  return eigen;
}

std::vector<double> project(const std::vector<double>& q, std::uint64_t n, const MatrixView& a,
                            bool transposed) {
  const std::uint64_t inner = transposed ? a.cols : a.rows, length = transposed ? a.rows : a.cols;
  std::vector<double> out(n * length), panel;
  if (out.empty() || inner == 0) return out;
  const std::uint64_t step = std::max<std::uint64_t>(kPanelElements / inner, 16);
  for (std::uint64_t start = 0; start < length; start += step) {
    const std::uint64_t count = std::min(step, length - start);
    if (transposed) {
      load_panel(a, start, count, 0, inner, panel);
    } else {
      load_panel(a, 0, inner, start, count, panel);
    }
    cblas_dgemm(CblasRowMajor, CblasNoTrans, transposed ? CblasTrans : CblasNoTrans, blas_int(n),
                blas_int(count), blas_int(inner), 1.0, q.data(), blas_int(inner), panel.data(),
                blas_int(transposed ? inner : count), 0.0, out.data() + start, blas_int(length));
  }
  return out;
}

std::vector<float> project_rows(const MatrixView& a, const std::vector<double>& q, std::uint64_t rank) {
  std::vector<float> out(a.rows * rank);
  std::vector<double> panel, result;
  const std::uint64_t step = std::max<std::uint64_t>(kPanelElements / std::max<std::uint64_t>(a.cols, 1), 16);
  for (std::uint64_t start = 0; start < a.rows; start += step) {
    const std::uint64_t count = std::min(step, a.rows - start);
    load_panel(a, start, count, 0, a.cols, panel);
    result.resize(count * rank);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, blas_int(count), blas_int(rank), blas_int(a.cols),
                1.0, panel.data(), blas_int(a.cols), q.data(), blas_int(a.cols), 0.0, result.data(),
                blas_int(rank));
    std::copy(result.begin(), result.end(), out.begin() + static_cast<std::ptrdiff_t>(start * rank));
  }
  return out;
}

}  // namespace tt::tensor
