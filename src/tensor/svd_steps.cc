#include "tensor/svd_steps.h"

#include <cblas.h>
#include <lapacke.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <optional>

#include "tensor/partial_eigen.h"
#include "tensor/tall_gram.h"
#include "tensor/vector_clones.h"

namespace tt::tensor {
namespace {

constexpr std::uint64_t kBlock = 4096, kShortBlock = 1024;  // summands of one float32 sum
constexpr double kUnseen = 1e-10, kSeen = 1e-4;             // shares of the energy
constexpr double kWeak = 1e-4;   // sigma / sigma_1 below which V needs to be made orthogonal
constexpr double kClean = 1e-6;  // cosines of rows of V that need no repair

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

void mirror(std::vector<double>& gram, std::uint64_t d) {
  for (std::uint64_t i = 0; i < d; ++i) {
    for (std::uint64_t j = 0; j < i; ++j) gram[i * d + j] = gram[j * d + i];
  }
}

// The Gram matrix of the smaller side: float32 sums of `step` products each, added in double.
std::vector<double> blocked_gram(const MatrixView& a, std::uint64_t step) {
  const bool wide = a.rows <= a.cols;
  const std::uint64_t d = std::min(a.rows, a.cols), length = std::max(a.rows, a.cols);
  std::vector<double> gram(d * d);
  std::vector<float> block(d * d);
  for (std::uint64_t start = 0; start < length; start += step) {
    const std::uint64_t count = std::min(step, length - start);
    cblas_ssyrk(CblasRowMajor, CblasUpper, wide ? CblasNoTrans : CblasTrans, to_int(d), to_int(count), 1.0f,
                a.values.data() + start * (wide ? 1 : a.cols), to_int(a.cols), 0.0f, block.data(), to_int(d));
    for (std::uint64_t i = 0; i < d; ++i) {
      const float* const from = block.data() + i * d;
      double* const to = gram.data() + i * d;
      for (std::uint64_t j = i; j < d; ++j) to[j] += static_cast<double>(from[j]);
    }
  }
  mirror(gram, d);
  return gram;
}

// k x k, both triangles, of rows of length n; sums of float32 over blocks of columns are added in double.
std::vector<double> gram_of_rows(const std::vector<double>& rows, std::uint64_t k, std::uint64_t n) {
  std::vector<double> gram(k * k);
  cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, to_int(k), to_int(n), 1.0, rows.data(), to_int(n), 0.0,
              gram.data(), to_int(k));
  mirror(gram, k);
  return gram;
}
std::vector<double> gram_of_rows(const std::vector<float>& rows, std::uint64_t k, std::uint64_t n) {
  return blocked_gram({rows, k, n}, kShortBlock);
}

void scale_row(double factor, double* row, std::uint64_t n) {
  cblas_dscal(to_int(n), factor, row, 1);
}
void scale_row(double factor, float* row, std::uint64_t n) {
  cblas_sscal(to_int(n), static_cast<float>(factor), row, 1);
}

// Rows become L^-1 rows; L is the lower triangle of a row-major matrix.
void solve_lower(const std::vector<double>& lower, std::vector<double>& rows, std::uint64_t k,
                 std::uint64_t n) {
  cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, to_int(k), to_int(n), 1.0,
              lower.data(), to_int(k), rows.data(), to_int(n));
}
void solve_lower(const std::vector<double>& lower, std::vector<float>& rows, std::uint64_t k,
                 std::uint64_t n) {
  const std::vector<float> rounded(lower.begin(), lower.end());
  cblas_strsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, to_int(k), to_int(n), 1.0f,
              rounded.data(), to_int(k), rows.data(), to_int(n));
}

double energy_of(const double* row, std::uint64_t n) {
  double sum = 0;
  for (std::uint64_t i = 0; i < n; ++i) sum += row[i] * row[i];
  return sum;
}
double energy_of(const float* row, std::uint64_t n) {
  return squared_norm({row, n});
}

template <typename T>
std::vector<double> row_energies(const std::vector<T>& p, std::uint64_t rank, std::uint64_t length) {
  std::vector<double> energies(rank);
  for (std::uint64_t k = 0; k < rank; ++k) energies[k] = energy_of(p.data() + k * length, length);
  return energies;
}

double sum_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

// q (rank x inner) times A or its transpose, in float32.
std::vector<float> project_single(const std::vector<double>& q, std::uint64_t rank, const MatrixView& a) {
  const bool transposed = a.rows > a.cols;
  const std::uint64_t inner = std::min(a.rows, a.cols), length = std::max(a.rows, a.cols);
  const std::vector<float> rounded(q.begin(), q.end());
  std::vector<float> out(rank * length);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, transposed ? CblasTrans : CblasNoTrans, to_int(rank),
              to_int(length), to_int(inner), 1.0f, rounded.data(), to_int(inner), a.values.data(),
              to_int(a.cols), 0.0f, out.data(), to_int(length));
  return out;
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

// p = L V with orthonormal rows V: p becomes V and keeps the diagonal of L alone, whose squares stay in
// `energies`, if the rest holds a share of the energy that no tolerance of this arithmetic sees. The
// certificate counts it as lost.
template <typename T>
bool orthogonalise(std::vector<T>& p, std::vector<double> gram, std::uint64_t length,
                   std::vector<double>& energies) {
  const std::uint64_t rank = energies.size();
  if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', to_int(rank), gram.data(), to_int(rank)) != 0) return false;
  std::vector<double> rest(rank);
  for (std::uint64_t i = 0; i < rank; ++i) {
    for (std::uint64_t j = 0; j < i; ++j) rest[i] += gram[i * rank + j] * gram[i * rank + j];
  }
  if (sum_of(rest) > kUnseen * sum_of(energies)) return false;
  solve_lower(gram, p, rank, length);
  for (std::uint64_t i = 0; i < rank; ++i) energies[i] = std::max(energies[i] - rest[i], 0.0);
  return true;
}

// The other side of the components of q: orthonormal rows p and the singular values.
template <typename T>
struct OtherSide {
  std::vector<T> p;
  std::vector<double> sigma;
};

// Divides each row by its norm; sigma are the roots of `energies`.
template <typename T>
OtherSide<T> normalised(std::vector<T> p, std::uint64_t length, const std::vector<double>& energies) {
  OtherSide<T> side{std::move(p), energies};
  for (std::size_t k = 0; k < energies.size(); ++k) {
    side.sigma[k] = std::sqrt(energies[k]);
    T* const row = side.p.data() + k * length;
    const double norm = std::sqrt(energy_of(row, length));
    if (norm > 0) scale_row(1 / norm, row, length);
  }
  return side;
}

// From p = q A, whose rows are nearly orthogonal; nothing if not nearly enough.
template <typename T>
std::optional<OtherSide<T>> cleaned(std::vector<T> p, std::uint64_t length, std::vector<double> energies) {
  const std::vector<double> gram = gram_of_rows(p, energies.size(), length);
  if (!nearly_orthogonal(gram, energies.size()) && !orthogonalise(p, gram, length, energies)) return {};
  return normalised(std::move(p), length, energies);
}

// In float32; nothing where what q leaves is not far above the rounding of that.
std::optional<OtherSide<float>> other_side_single(const MatrixView& a, const std::vector<double>& q,
                                                  std::uint64_t rank, double norm_squared) {
  const std::uint64_t length = std::max(a.rows, a.cols);
  std::vector<float> p = project_single(q, rank, a);
  std::vector<double> energies = row_energies(p, rank, length);
  if (norm_squared - sum_of(energies) < kSeen * norm_squared) return {};
  return cleaned(std::move(p), length, std::move(energies));
}

// In double; rows that are too far from orthogonal are rotated by Rayleigh-Ritz within the span of q.
OtherSide<double> other_side(const MatrixView& a, std::vector<double>& q, std::uint64_t rank,
                             bool exact_vectors) {
  const std::uint64_t d = std::min(a.rows, a.cols), length = std::max(a.rows, a.cols);
  std::vector<double> p = project(q, rank, a, a.rows > a.cols);
  if (!exact_vectors) {
    if (auto side = cleaned(p, length, row_energies(p, rank, length))) return *std::move(side);
    const Eigen eigen = eigen_of(gram_of_rows(p, rank, length), rank, true);
    q = rotated(eigen.vectors, q, rank, d);
    p = rotated(eigen.vectors, p, rank, length);
  }
  std::vector<double> energies = row_energies(p, rank, length);
  return normalised(std::move(p), length, energies);
}

// The components by descending sigma: only rounding among the weakest changes their order.
template <typename T>
void sort_components(std::vector<double>& q, std::uint64_t d, OtherSide<T>& side, std::uint64_t length) {
  std::vector<double>& sigma = side.sigma;
  std::vector<T>& p = side.p;
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
template <typename T>
std::vector<float> signs_of(const std::vector<T>& rows, std::uint64_t rank, std::uint64_t n) {
  std::vector<float> signs(rank, 1.0f);
  for (std::uint64_t k = 0; k < rank; ++k) {
    T largest = 0;
    for (std::uint64_t i = 0; i < n; ++i) {
      const T value = rows[k * n + i];
      if (std::abs(value) > std::abs(largest)) largest = value;
    }
    if (largest < 0) signs[k] = -1;
  }
  return signs;
}

// The rows of `left` become the columns of U.
template <typename T, typename S>
void store(Svd& result, const std::vector<T>& left, const std::vector<S>& right) {
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

// Sorts, drops the weakest components that `allowed` has room for, and stores what is left.
template <typename T>
void finish(Svd& result, std::vector<double> q, OtherSide<T> side, double norm_squared, double allowed) {
  const bool wide = result.rows <= result.cols;
  const std::uint64_t d = std::min(result.rows, result.cols), length = std::max(result.rows, result.cols);
  sort_components(q, d, side, length);
  double captured = 0;
  for (const double sigma : side.sigma) captured += sigma * sigma;
  double lost = std::max(norm_squared - captured, 0.0);
  while (!side.sigma.empty() && lost + side.sigma.back() * side.sigma.back() <= allowed) {
    lost += side.sigma.back() * side.sigma.back();
    side.sigma.pop_back();
  }
  result.rank = side.sigma.size();
  result.error = std::sqrt(lost);
  q.resize(result.rank * d);
  side.p.resize(result.rank * length);
  if (result.rank > 0 && side.sigma.back() <= kWeak * side.sigma.front()) {
    std::vector<double> rows(side.p.begin(), side.p.end());
    orthonormalise_rows(rows, result.rank, length);
    side.p.assign(rows.begin(), rows.end());
  }
  result.sigma = std::move(side.sigma);
  if (wide) {
    store(result, q, side.p);
  } else {
    store(result, side.p, q);
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
  return blocked_gram(a, kBlock);
}

Svd factors_of(const MatrixView& a, std::vector<double> q, std::uint64_t rank, double norm_squared,
               double allowed, Arithmetic arithmetic) {
  Svd result{.rows = a.rows, .cols = a.cols, .rank = rank, .norm = std::sqrt(norm_squared)};
  result.error = result.norm;
  if (rank == 0) return result;
  if (arithmetic == Arithmetic::fp32) {
    if (auto side = other_side_single(a, q, rank, norm_squared)) {
      finish(result, std::move(q), *std::move(side), norm_squared, allowed);
      return result;
    }
  }
  OtherSide<double> side = other_side(a, q, rank, arithmetic == Arithmetic::fp64);
  finish(result, std::move(q), std::move(side), norm_squared, allowed);
  return result;
}

}  // namespace tt::tensor
