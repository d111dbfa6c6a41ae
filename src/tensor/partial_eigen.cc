#include "tensor/partial_eigen.h"

#include <cblas.h>
#include <lapacke.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "tensor/tridiagonal.h"

namespace tt::tensor {
namespace {

// 32-bit integers in LAPACK: the workspace of stedc, 1 + 4 d + d^2, must stay below 2^31.
constexpr std::uint64_t kMaxSide = 32000;
constexpr double kNear = 1e-4;     // scalar products of unit vectors that a Cholesky QR makes orthogonal
constexpr lapack_int kBlock = 64;  // columns that LAPACK's blocked routines take at once

void check(lapack_int info) {
  if (info != 0) throw base::Error(base::ErrorKind::internal, "an eigenvalue decomposition failed");
}

lapack_int tridiagonal_form(lapack_int d, float* a, float* diagonal, float* off, float* tau, float* work,
                            lapack_int size) {
  return LAPACKE_ssytrd_work(LAPACK_COL_MAJOR, 'U', d, a, d, diagonal, off, tau, work, size);
}
lapack_int tridiagonal_form(lapack_int d, double* a, double* diagonal, double* off, double* tau, double* work,
                            lapack_int size) {
  return LAPACKE_dsytrd_work(LAPACK_COL_MAJOR, 'U', d, a, d, diagonal, off, tau, work, size);
}
lapack_int apply_reflectors(lapack_int d, lapack_int k, const float* a, const float* tau, float* z,
                            float* work, lapack_int size) {
  return LAPACKE_sormtr_work(LAPACK_COL_MAJOR, 'L', 'U', 'N', d, k, a, d, tau, z, d, work, size);
}
lapack_int apply_reflectors(lapack_int d, lapack_int k, const double* a, const double* tau, double* z,
                            double* work, lapack_int size) {
  return LAPACKE_dormtr_work(LAPACK_COL_MAJOR, 'L', 'U', 'N', d, k, a, d, tau, z, d, work, size);
}

std::size_t size_of(std::int64_t value) {
  return static_cast<std::size_t>(value);
}

// Makes rows of length n that are nearly orthonormal exactly so: L^-1 rows for the Cholesky factor L of their
// Gram matrix. False if they are not near enough.
bool orthonormal(std::vector<double>& rows, lapack_int k, lapack_int n) {
  std::vector<double> gram(size_of(k) * size_of(k));
  cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, k, n, 1.0, rows.data(), n, 0.0, gram.data(), k);
  double worst = 0;
  for (std::size_t i = 0; i < size_of(k); ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      const double off = std::abs(gram[i * size_of(k) + j] - (i == j ? 1 : 0));
      if (!(off <= worst)) worst = off;  // also if it is NaN
    }
  }
  if (!(worst < kNear)) return false;
  // Row-major lower is column-major upper.
  if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', k, gram.data(), k) != 0) return false;
  cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, k, n, 1.0, gram.data(), k,
              rows.data(), n);
  return true;
}

}  // namespace

PartialEigen::PartialEigen(const std::vector<double>& gram, std::uint64_t d, Precision precision)
    : d_(d), precision_(precision) {
  if (d > kMaxSide) {
    throw base::Error(base::ErrorKind::bad_data,
                      "cannot decompose a matrix, a side of " + std::to_string(d) + " is too large");
  }
  double largest = 0;
  for (const double entry : gram) {
    if (!std::isfinite(entry)) {
      throw base::Error(base::ErrorKind::bad_data,
                        "cannot decompose a matrix, it holds values that are not finite");
    }
    largest = std::max(largest, std::abs(entry));
  }
  // One over the power of two below the largest entry, within what is not denormal.
  if (largest > 0) scale_ = std::ldexp(1.0, -std::clamp(std::ilogb(largest), -1000, 1000));
  values_.assign(d, 0.0);
  if (d == 0) return;
  if (precision == Precision::fp32) {
    reduce(single_, gram);
  } else {
    reduce(double_, gram);
  }
}

template <typename T>
void PartialEigen::reduce(Reflectors<T>& form, const std::vector<double>& gram) {
  const auto d = static_cast<lapack_int>(d_);
  form.vectors.resize(gram.size());
  std::transform(gram.begin(), gram.end(), form.vectors.begin(),
                 [this](double entry) { return static_cast<T>(entry * scale_); });
  form.scalars.resize(d_);
  // The sizes of workspaces are the documented ones: queries in single precision round down above 2^24.
  std::vector<T> diagonal(d_), off_diagonal(d_), work(d_ * kBlock);
  check(tridiagonal_form(d, form.vectors.data(), diagonal.data(), off_diagonal.data(), form.scalars.data(),
                         work.data(), d * kBlock));
  diagonal_.assign(diagonal.begin(), diagonal.end());
  off_diagonal_.assign(off_diagonal.begin(), off_diagonal.end() - 1);
  std::vector<double> values = diagonal_, rest = off_diagonal_;
  rest.push_back(0);
  check(LAPACKE_dsterf_work(d, values.data(), rest.data()));
  std::transform(values.rbegin(), values.rend(), values_.begin(),
                 [this](double value) { return value / scale_; });
}

// Rows of T's vectors become rows of G's.
template <typename T>
std::vector<double> PartialEigen::back_transformed(const Reflectors<T>& form, const std::vector<double>& rows,
                                                   std::uint64_t k) const {
  const auto d = static_cast<lapack_int>(d_), count = static_cast<lapack_int>(k);
  // With less room than this LAPACK falls back to one reflector at a time.
  const lapack_int size = count * kBlock + (kBlock + 1) * kBlock;
  std::vector<T> columns(rows.begin(), rows.end()), work(size_of(size));
  check(apply_reflectors(d, count, form.vectors.data(), form.scalars.data(), columns.data(), work.data(),
                         size));
  return {columns.begin(), columns.end()};
}

std::vector<double> PartialEigen::transformed(const std::vector<double>& rows, std::uint64_t k) const {
  return precision_ == Precision::fp32 ? back_transformed(single_, rows, k)
                                       : back_transformed(double_, rows, k);
}

// The vectors of T by divide and conquer: orthogonal whatever the eigenvalues are.
std::vector<double> PartialEigen::divided(std::uint64_t k) const {
  const auto d = static_cast<lapack_int>(d_);
  const std::uint64_t size = 1 + 4 * d_ + d_ * d_, integers_size = 3 + 5 * d_;
  std::vector<double> diagonal = diagonal_, off_diagonal = off_diagonal_, vectors(d_ * d_), work(size);
  off_diagonal.push_back(0);
  std::vector<lapack_int> integers(integers_size);
  check(LAPACKE_dstedc_work(LAPACK_COL_MAJOR, 'I', d, diagonal.data(), off_diagonal.data(), vectors.data(), d,
                            work.data(), static_cast<lapack_int>(size), integers.data(),
                            static_cast<lapack_int>(integers_size)));
  std::vector<double> rows(k * d_);  // columns come in ascending order
  for (std::uint64_t i = 0; i < k; ++i)
    std::copy_n(vectors.data() + (d_ - 1 - i) * d_, d_, rows.data() + i * d_);
  return rows;
}

std::vector<double> PartialEigen::vectors(std::uint64_t k) const {
  k = std::min(k, d_);
  if (k == 0) return {};
  std::vector<double> scaled(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(k));
  for (double& value : scaled) value *= scale_;
  const auto count = static_cast<lapack_int>(k), length = static_cast<lapack_int>(d_);
  std::vector<double> rows = transformed(tridiagonal_vectors(diagonal_, off_diagonal_, scaled), k);
  if (orthonormal(rows, count, length)) return rows;
  rows = transformed(divided(k), k);
  if (!orthonormal(rows, count, length))
    throw base::Error(base::ErrorKind::internal, "an eigenvalue decomposition lost its orthogonality");
  return rows;
}

void orthonormalise_rows(std::vector<double>& rows, std::uint64_t k, std::uint64_t n) {
  if (k == 0) return;
  // The rows are the columns of an n x k column-major matrix.
  const auto count = static_cast<lapack_int>(k), length = static_cast<lapack_int>(n);
  std::vector<double> scalars(k), work(k * kBlock);
  check(LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, length, count, rows.data(), length, scalars.data(), work.data(),
                            count * kBlock));
  std::vector<double> signs(k);
  for (std::uint64_t i = 0; i < k; ++i) signs[i] = rows[i * n + i] < 0 ? -1.0 : 1.0;
  check(LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, length, count, count, rows.data(), length, scalars.data(),
                            work.data(), count * kBlock));
  for (std::uint64_t i = 0; i < k; ++i) cblas_dscal(length, signs[i], rows.data() + i * n, 1);
}

}  // namespace tt::tensor
