#include "tensor/truncated_svd.h"

#include <algorithm>
#include <cmath>

#include "tensor/gram.h"

namespace tt::tensor {
namespace {

Spectrum spectrum_of(const MatrixView& a, std::vector<double> energy) {
  Spectrum result;
  for (double& value : energy) value = std::max(value, 0.0);
  result.energy = std::move(energy);
  result.total = squared_norm(a.values);
  return result;
}

bool column_is_negative(const std::vector<double>& left, std::uint64_t rows, std::uint64_t rank,
                        std::uint64_t k) {
  double largest = 0;
  for (std::uint64_t i = 0; i < rows; ++i) {
    const double value = left[i * rank + k];
    if (std::abs(value) > std::abs(largest)) largest = value;
  }
  return largest < 0;
}

// Factors in double, rows x rank and rank x cols.
struct Factors {
  std::vector<double> left, right;
};

// Component k: unit vector q_k of the smaller side, and p_k = q_k A (or A q_k) = sigma_k times the other unit
// vector. Both get the scale sigma_k^(1/2).
Factors balanced_factors(const MatrixView& a, const Eigen& eigen, std::uint64_t rank) {
  const bool wide = a.rows <= a.cols;
  const std::uint64_t d = std::min(a.rows, a.cols), length = std::max(a.rows, a.cols);
  const std::vector<double> q(eigen.vectors.begin(),
                              eigen.vectors.begin() + static_cast<std::ptrdiff_t>(rank * d));
  const std::vector<double> p = project(q, rank, a, !wide);
  Factors factors{std::vector<double>(a.rows * rank), std::vector<double>(rank * a.cols)};
  for (std::uint64_t k = 0; k < rank; ++k) {
    double energy = 0;
    for (std::uint64_t i = 0; i < length; ++i) energy += p[k * length + i] * p[k * length + i];
    const double root = std::sqrt(std::sqrt(energy));
    const double unit_scale = root, projected_scale = root > 0 ? 1 / root : 0;
    for (std::uint64_t i = 0; i < a.rows; ++i) {
      factors.left[i * rank + k] = wide ? q[k * d + i] * unit_scale : p[k * length + i] * projected_scale;
    }
    for (std::uint64_t j = 0; j < a.cols; ++j) {
      factors.right[k * a.cols + j] = wide ? p[k * length + j] * projected_scale : q[k * d + j] * unit_scale;
    }
  }
  return factors;
}

}  // namespace

double Spectrum::tail(std::uint64_t rank) const {
  double sum = 0;
  for (std::uint64_t i = energy.size(); i-- > rank;) sum += energy[i];
  return sum;
}

std::uint64_t Spectrum::rank_for(double tolerance) const {
  const double allowed = tolerance * tolerance * total;
  double sum = 0;
  std::uint64_t rank = energy.size();
  while (rank > 0 && sum + energy[rank - 1] <= allowed) sum += energy[--rank];
  return rank;
}

Spectrum spectrum(const MatrixView& a) {
  const std::uint64_t d = std::min(a.rows, a.cols);
  return spectrum_of(a, eigen_of(gram_of(a), d, false).values);
}

LowRank truncated_svd(const MatrixView& a, std::uint64_t rank) {
  const std::uint64_t d = std::min(a.rows, a.cols);
  LowRank result{a.rows, a.cols, std::min(rank, d), {}, {}};
  if (result.rank == 0) return result;
  Factors factors = balanced_factors(a, eigen_of(gram_of(a), d, true), result.rank);
  for (std::uint64_t k = 0; k < result.rank; ++k) {
    if (!column_is_negative(factors.left, a.rows, result.rank, k)) continue;
    for (std::uint64_t i = 0; i < a.rows; ++i) factors.left[i * result.rank + k] *= -1;
    for (std::uint64_t j = 0; j < a.cols; ++j) factors.right[k * a.cols + j] *= -1;
  }
  result.left.assign(factors.left.begin(), factors.left.end());
  result.right.assign(factors.right.begin(), factors.right.end());
  return result;
}

}  // namespace tt::tensor
