#include "tensor/partial_eigen.h"

#include <cblas.h>
#include <lapacke.h>

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "base/error.h"

namespace tt::tensor {
namespace {

// 32-bit integers in LAPACK: the workspace of stedc, 1 + 4 d + d^2, must stay below 2^31.
constexpr std::uint64_t kMaxSide = 32000;
constexpr lapack_int kBlock = 64;  // columns that LAPACK's blocked routines take at once

void check(lapack_int info) {
  if (info != 0) throw base::Error(base::ErrorKind::internal, "an eigenvalue decomposition failed");
}

lapack_int tridiagonal_form(lapack_int d, float* a, float* diagonal, float* off, float* tau, float* work,
                            lapack_int size) {
  return LAPACKE_ssytrd_work(LAPACK_COL_MAJOR, 'L', d, a, d, diagonal, off, tau, work, size);
}
lapack_int tridiagonal_form(lapack_int d, double* a, double* diagonal, double* off, double* tau, double* work,
                            lapack_int size) {
  return LAPACKE_dsytrd_work(LAPACK_COL_MAJOR, 'L', d, a, d, diagonal, off, tau, work, size);
}
lapack_int divide(lapack_int d, float* diagonal, float* off, float* z, float* work, lapack_int size,
                  lapack_int* integers, lapack_int count) {
  return LAPACKE_sstedc_work(LAPACK_COL_MAJOR, 'I', d, diagonal, off, z, d, work, size, integers, count);
}
lapack_int divide(lapack_int d, double* diagonal, double* off, double* z, double* work, lapack_int size,
                  lapack_int* integers, lapack_int count) {
  return LAPACKE_dstedc_work(LAPACK_COL_MAJOR, 'I', d, diagonal, off, z, d, work, size, integers, count);
}
lapack_int apply_reflectors(lapack_int d, lapack_int k, const float* a, const float* tau, float* z,
                            float* work, lapack_int size) {
  return LAPACKE_sormtr_work(LAPACK_COL_MAJOR, 'L', 'L', 'N', d, k, a, d, tau, z, d, work, size);
}
lapack_int apply_reflectors(lapack_int d, lapack_int k, const double* a, const double* tau, double* z,
                            double* work, lapack_int size) {
  return LAPACKE_dormtr_work(LAPACK_COL_MAJOR, 'L', 'L', 'N', d, k, a, d, tau, z, d, work, size);
}

std::size_t size_of(std::int64_t value) {
  return static_cast<std::size_t>(value);
}

// Rows times the inverse of the Cholesky factor of their Gram matrix.
void cholesky_step(std::vector<double>& rows, lapack_int k, lapack_int n) {
  std::vector<double> gram(size_of(k) * size_of(k));
  cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, k, n, 1.0, rows.data(), n, 0.0, gram.data(), k);
  check(LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', k, gram.data(), k));  // the same bytes seen transposed
  cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, k, n, 1.0, gram.data(), k,
              rows.data(), n);
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
void PartialEigen::reduce(Tridiagonal<T>& form, const std::vector<double>& gram) {
  const auto d = static_cast<lapack_int>(d_);
  form.reflectors.resize(gram.size());
  std::transform(gram.begin(), gram.end(), form.reflectors.begin(),
                 [this](double entry) { return static_cast<T>(entry * scale_); });
  form.scalars.resize(d_);
  std::vector<T> diagonal(d_), off_diagonal(d_);
  // The sizes of workspaces are the documented ones: queries in single precision round down above 2^24.
  std::vector<T> work(d_ * kBlock);
  check(tridiagonal_form(d, form.reflectors.data(), diagonal.data(), off_diagonal.data(), form.scalars.data(),
                         work.data(), d * kBlock));
  const std::int64_t size = 1 + 4 * std::int64_t{d} + std::int64_t{d} * d,
                     integers_size = 3 + 5 * std::int64_t{d};
  work.resize(size_of(size));
  std::vector<lapack_int> integers(size_of(integers_size));
  form.vectors.resize(d_ * d_);
  check(divide(d, diagonal.data(), off_diagonal.data(), form.vectors.data(), work.data(),
               static_cast<lapack_int>(size), integers.data(), static_cast<lapack_int>(integers_size)));
  std::transform(diagonal.rbegin(), diagonal.rend(), values_.begin(),
                 [this](T value) { return static_cast<double>(value) / scale_; });
}

template <typename T>
std::vector<double> PartialEigen::back_transform(const Tridiagonal<T>& form, std::uint64_t k) const {
  const auto d = static_cast<lapack_int>(d_), count = static_cast<lapack_int>(k);
  // Columns come in ascending order: the last k are wanted.
  const auto first = form.vectors.begin() + static_cast<std::ptrdiff_t>((d_ - k) * d_);
  std::vector<T> wanted(first, form.vectors.end()), work(k * kBlock);
  check(apply_reflectors(d, count, form.reflectors.data(), form.scalars.data(), wanted.data(), work.data(),
                         count * kBlock));
  std::vector<double> rows(k * d_);
  for (std::uint64_t i = 0; i < k; ++i) {
    const T* const column = wanted.data() + (k - 1 - i) * d_;
    std::copy(column, column + d_, rows.data() + i * d_);
  }
  if constexpr (std::is_same_v<T, float>) cholesky_step(rows, count, d);
  return rows;
}

std::vector<double> PartialEigen::vectors(std::uint64_t k) const {
  k = std::min(k, d_);
  if (k == 0) return {};
  return precision_ == Precision::fp32 ? back_transform(single_, k) : back_transform(double_, k);
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
