#include "tensor/svd_steps.h"

#include <cblas.h>
#include <lapacke.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "tensor/partial_eigen.h"
#include "tensor/tall_gram.h"
#include "tensor/vector_clones.h"

namespace tt::tensor {
namespace {

constexpr std::uint64_t kBlock = 4096;           // summands of one float32 sum
constexpr double kUnseen = 1e-10, kSeen = 1e-4;  // shares of the energy
constexpr double kWeak = 1e-4;                   // sigma / sigma_1 below which V needs to be made orthogonal
constexpr double kClean = 1e-6;                  // cosines of rows of V that need no repair

blasint to_int(std::uint64_t value) {
  return static_cast<blasint>(value);  // checked by the size of the Gram matrix, or by panels
}

// As bits, which are in the order of the magnitudes; NaN is above all.
TT_VECTOR_CLONES std::uint32_t largest_magnitude(const float* values, std::size_t count) {
  std::uint32_t largest = 0;
  for (std::size_t i = 0; i < count; ++i)
    largest = std::max(largest, std::bit_cast<std::uint32_t>(values[i]) & 0x7fffffffu);
  return largest;
}

std::vector<double> gram_of_rows(const std::vector<double>& rows, std::uint64_t k, std::uint64_t n) {
  std::vector<double> gram(k * k);
  cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, to_int(k), to_int(n), 1.0, rows.data(), to_int(n), 0.0,
              gram.data(), to_int(k));
  for (std::uint64_t i = 0; i < k; ++i) {
    for (std::uint64_t j = 0; j < i; ++j) gram[i * k + j] = gram[j * k + i];
  }
  return gram;
}

// q (rank x inner) times A or its transpose, in float32.
std::vector<double> project_single(const std::vector<double>& q, std::uint64_t rank, const MatrixView& a,
                                   bool transposed) {
  const std::uint64_t inner = transposed ? a.cols : a.rows, length = transposed ? a.rows : a.cols;
  const std::vector<float> rounded(q.begin(), q.end());
  std::vector<float> out(rank * length);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, transposed ? CblasTrans : CblasNoTrans, to_int(rank),
              to_int(length), to_int(inner), 1.0f, rounded.data(), to_int(inner), a.values.data(),
              to_int(a.cols), 0.0f, out.data(), to_int(length));
  return {out.begin(), out.end()};
}

double energy_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return sum;
}

// q A, in float32 only if what it leaves is far above the rounding of that.
std::vector<double> project_in(Arithmetic arithmetic, const std::vector<double>& q, std::uint64_t rank,
                               const MatrixView& a, double norm_squared) {
  const bool transposed = a.rows > a.cols;
  if (arithmetic == Arithmetic::fp32) {
    std::vector<double> p = project_single(q, rank, a, transposed);
    if (norm_squared - energy_of(p) >= kSeen * norm_squared) return p;
  }
  return project(q, rank, a, transposed);
}

bool nearly_orthogonal(const std::vector<double>& gram, std::uint64_t k) {
  for (std::uint64_t i = 0; i < k; ++i) {
    for (std::uint64_t j = 0; j < i; ++j) {
      if (std::abs(gram[i * k + j]) > kClean * std::sqrt(gram[i * k + i] * gram[j * k + j])) return false;
    }
  }
  return true;
}

std::vector<double> rotated(const std::vector<double>& rotation, const std::vector<double>& rows,
                            std::uint64_t k, std::uint64_t n) {
  std::vector<double> out(k * n);
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, to_int(k), to_int(n), to_int(k), 1.0,
              rotation.data(), to_int(k), rows.data(), to_int(n), 0.0, out.data(), to_int(n));
  return out;
}

// p = L V with orthonormal rows V: keeps the diagonal of L alone, if the rest holds a share of the energy
// that no tolerance of this arithmetic sees. The certificate counts it as lost.
bool orthogonalise(std::vector<double>& p, std::vector<double> gram, std::uint64_t rank,
                   std::uint64_t length) {
  double trace = 0, rest = 0;
  for (std::uint64_t i = 0; i < rank; ++i) trace += gram[i * rank + i];
  if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', to_int(rank), gram.data(), to_int(rank)) != 0) return false;
  for (std::uint64_t i = 0; i < rank; ++i) {
    for (std::uint64_t j = 0; j < i; ++j) rest += gram[i * rank + j] * gram[i * rank + j];
  }
  if (rest > kUnseen * trace) return false;
  cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, to_int(rank), to_int(length),
              1.0, gram.data(), to_int(rank), p.data(), to_int(length));
  for (std::uint64_t i = 0; i < rank; ++i)
    cblas_dscal(to_int(length), gram[i * rank + i], p.data() + i * length, 1);
  return true;
}

// Makes the rows of p = q A orthogonal: they are nearly, and if not nearly enough by Rayleigh-Ritz within the
// span of q.
void align(std::vector<double>& q, std::uint64_t d, std::vector<double>& p, std::uint64_t length,
           std::uint64_t rank) {
  const std::vector<double> gram = gram_of_rows(p, rank, length);
  if (nearly_orthogonal(gram, rank) || orthogonalise(p, gram, rank, length)) return;
  const Eigen eigen = eigen_of(gram, rank, true);
  q = rotated(eigen.vectors, q, rank, d);
  p = rotated(eigen.vectors, p, rank, length);
}

// Divides each row by its norm, which goes to sigma; returns the energy of all.
double normalise_rows(std::vector<double>& p, std::uint64_t rank, std::uint64_t length,
                      std::vector<double>& sigma) {
  double captured = 0;
  sigma.assign(rank, 0.0);
  for (std::uint64_t k = 0; k < rank; ++k) {
    double energy = 0;
    for (std::uint64_t i = 0; i < length; ++i) energy += p[k * length + i] * p[k * length + i];
    captured += energy;
    sigma[k] = std::sqrt(energy);
    if (energy > 0) cblas_dscal(to_int(length), 1 / sigma[k], p.data() + k * length, 1);
  }
  return captured;
}

// The components by descending sigma: only rounding among the weakest changes their order.
void sort_components(std::vector<double>& q, std::uint64_t d, std::vector<double>& p, std::uint64_t length,
                     std::vector<double>& sigma) {
  for (std::size_t end = 1; end < sigma.size(); ++end) {
    for (std::size_t k = end; k > 0 && sigma[k - 1] < sigma[k]; --k) {
      std::swap(sigma[k - 1], sigma[k]);
      std::swap_ranges(q.begin() + static_cast<std::ptrdiff_t>((k - 1) * d),
                       q.begin() + static_cast<std::ptrdiff_t>(k * d),
                       q.begin() + static_cast<std::ptrdiff_t>(k * d));
      std::swap_ranges(p.begin() + static_cast<std::ptrdiff_t>((k - 1) * length),
                       p.begin() + static_cast<std::ptrdiff_t>(k * length),
                       p.begin() + static_cast<std::ptrdiff_t>(k * length));
    }
  }
}

// +1 or -1 for each of the `rank` rows of length n, so that its largest entry becomes positive.
std::vector<float> signs_of(const std::vector<double>& rows, std::uint64_t rank, std::uint64_t n) {
  std::vector<float> signs(rank, 1.0f);
  for (std::uint64_t k = 0; k < rank; ++k) {
    double largest = 0;
    for (std::uint64_t i = 0; i < n; ++i) {
      const double value = rows[k * n + i];
      if (std::abs(value) > std::abs(largest)) largest = value;
    }
    if (largest < 0) signs[k] = -1;
  }
  return signs;
}

// The rows of `left` become the columns of U.
void store(Svd& result, const std::vector<double>& left, const std::vector<double>& right) {
  const std::vector<float> signs = signs_of(left, result.rank, result.rows);
  result.u.resize(left.size());
  result.v.resize(right.size());
  for (std::uint64_t k = 0; k < result.rank; ++k) {
    for (std::uint64_t i = 0; i < result.rows; ++i)
      result.u[i * result.rank + k] = signs[k] * static_cast<float>(left[k * result.rows + i]);
    for (std::uint64_t j = 0; j < result.cols; ++j)
      result.v[k * result.cols + j] = signs[k] * static_cast<float>(right[k * result.cols + j]);
  }
}

}  // namespace

bool moderate(std::span<const float> values) {
  const std::uint32_t largest = largest_magnitude(values.data(), values.size());
  return largest < std::bit_cast<std::uint32_t>(1e12f) && largest > std::bit_cast<std::uint32_t>(1e-12f);
}

std::vector<double> gram_in(const MatrixView& a, Arithmetic arithmetic) {
  if (arithmetic != Arithmetic::fp32) return gram_of(a);
  const bool wide = a.rows <= a.cols;
  if (!wide && tall_gram_pays(a.cols)) return tall_gram(a.values, a.rows, a.cols);
  const std::uint64_t d = std::min(a.rows, a.cols), length = std::max(a.rows, a.cols);
  std::vector<double> gram(d * d);
  std::vector<float> block(d * d);
  for (std::uint64_t start = 0; start < length; start += kBlock) {
    const std::uint64_t count = std::min(kBlock, length - start);
    cblas_ssyrk(CblasRowMajor, CblasUpper, wide ? CblasNoTrans : CblasTrans, to_int(d), to_int(count), 1.0f,
                a.values.data() + start * (wide ? 1 : a.cols), to_int(a.cols), 0.0f, block.data(), to_int(d));
    for (std::uint64_t i = 0; i < d; ++i) {
      const float* const from = block.data() + i * d;
      double* const to = gram.data() + i * d;
      for (std::uint64_t j = i; j < d; ++j) to[j] += static_cast<double>(from[j]);
    }
  }
  for (std::uint64_t i = 0; i < d; ++i) {
    for (std::uint64_t j = 0; j < i; ++j) gram[i * d + j] = gram[j * d + i];
  }
  return gram;
}

Svd factors_of(const MatrixView& a, std::vector<double> q, std::uint64_t rank, double norm_squared,
               double allowed, Arithmetic arithmetic) {
  const bool wide = a.rows <= a.cols;
  const std::uint64_t d = std::min(a.rows, a.cols), length = std::max(a.rows, a.cols);
  Svd result{.rows = a.rows, .cols = a.cols, .rank = rank, .norm = std::sqrt(norm_squared)};
  result.error = result.norm;
  if (rank == 0) return result;
  std::vector<double> p = project_in(arithmetic, q, rank, a, norm_squared);
  if (arithmetic != Arithmetic::fp64) align(q, d, p, length, rank);
  const double captured = normalise_rows(p, rank, length, result.sigma);
  sort_components(q, d, p, length, result.sigma);
  double lost = std::max(norm_squared - captured, 0.0);
  while (result.rank > 0 && lost + result.sigma.back() * result.sigma.back() <= allowed) {
    lost += result.sigma.back() * result.sigma.back();
    result.sigma.pop_back();
    --result.rank;
  }
  q.resize(result.rank * d);
  p.resize(result.rank * length);
  result.error = std::sqrt(lost);
  if (result.rank > 0 && result.sigma.back() <= kWeak * result.sigma.front())
    orthonormalise_rows(p, result.rank, length);
  store(result, wide ? q : p, wide ? p : q);
  return result;
}

}  // namespace tt::tensor
