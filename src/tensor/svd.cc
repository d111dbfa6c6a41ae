#include "tensor/svd.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "tensor/block_krylov.h"
#include "tensor/partial_eigen.h"
#include "tensor/svd_steps.h"

namespace tt::tensor {
namespace {

constexpr double kSingleProducts = 2e-2, kSingleEigen = 2e-3;  // tolerances from which on they are enough
constexpr std::uint64_t kFirstRank = 32;                       // that `randomized` tries for a tolerance

void check_options(const SvdOptions& options) {
  if (!(options.tolerance >= 0) || !std::isfinite(options.tolerance)) {
    throw base::Error(base::ErrorKind::bad_data,
                      "cannot decompose a matrix, the tolerance is not a number >= 0");
  }
}

Arithmetic arithmetic_for(const MatrixView& a, const SvdOptions& options) {
  const bool below = options.max_rank > 0 && options.max_rank < std::min(a.rows, a.cols);
  const double tolerance = options.tolerance == 0 && below ? kSingleProducts : options.tolerance;
  if (tolerance >= kSingleProducts && moderate(a.values)) return Arithmetic::fp32;
  if (options.tolerance == 0) return Arithmetic::fp64;
  return tolerance >= kSingleEigen ? Arithmetic::mixed : Arithmetic::fp64;
}

std::uint64_t cap_of(const SvdOptions& options, std::uint64_t d) {
  return options.max_rank == 0 ? d : std::min(options.max_rank, d);
}

std::uint64_t rank_of(const std::vector<double>& energies, double norm_squared, const SvdOptions& options,
                      std::uint64_t cap) {
  if (options.tolerance == 0) return cap;
  Spectrum spectrum{energies, norm_squared};
  for (double& energy : spectrum.energy) energy = std::max(energy, 0.0);
  return std::min(spectrum.rank_for(options.tolerance), cap);
}

// Negative without a tolerance: then no component may be dropped, not even one of zero.
double allowed_energy(double norm_squared, const SvdOptions& options) {
  return options.tolerance > 0 ? options.tolerance * options.tolerance * norm_squared : -1;
}

bool within(const Svd& result, const SvdOptions& options) {
  // The last figure of the certificate is rounding.
  return options.tolerance == 0 ||
         result.error <= options.tolerance * result.norm * (1 + 1e-9) + 3e-8 * result.norm;
}

// For a rank alone: float32 if what the rank leaves is as much as a tolerance that allows it.
bool leaves_enough(const std::vector<double>& energies, double norm_squared, std::uint64_t rank) {
  const double kept =
      std::accumulate(energies.begin(), energies.begin() + static_cast<std::ptrdiff_t>(rank), 0.0);
  return norm_squared - kept >= kSingleProducts * kSingleProducts * norm_squared;
}

Svd partial(const MatrixView& a, const SvdOptions& options, Arithmetic arithmetic) {
  const std::uint64_t d = std::min(a.rows, a.cols), cap = cap_of(options, d);
  const double norm_squared = squared_norm(a.values);
  const PartialEigen eigen(gram_in(a, arithmetic), d,
                           arithmetic == Arithmetic::fp64 ? Precision::fp64 : Precision::fp32);
  std::uint64_t rank = rank_of(eigen.values(), norm_squared, options, cap);
  if (options.tolerance == 0 && arithmetic != Arithmetic::fp64 &&
      !leaves_enough(eigen.values(), norm_squared, rank))
    return partial(a, options, Arithmetic::fp64);
  // Values in float32 may place the limit one too low: the exact energies then decide.
  if (arithmetic != Arithmetic::fp64 && options.tolerance > 0 && options.tolerance < 1)
    rank = std::min(rank + 1, cap);
  Svd result = factors_of(a, eigen.vectors(rank), rank, norm_squared, allowed_energy(norm_squared, options),
                          arithmetic);
  if (!within(result, options) && rank < cap && arithmetic != Arithmetic::fp64)
    return partial(a, options, Arithmetic::fp64);
  return result;
}

Svd full(const MatrixView& a, const SvdOptions& options) {
  const std::uint64_t d = std::min(a.rows, a.cols), cap = cap_of(options, d);
  const double norm_squared = squared_norm(a.values);
  Eigen eigen = eigen_of(gram_of(a), d, true);
  const std::uint64_t rank = rank_of(eigen.values, norm_squared, options, cap);
  eigen.vectors.resize(rank * d);
  return factors_of(a, std::move(eigen.vectors), rank, norm_squared, allowed_energy(norm_squared, options),
                    Arithmetic::fp64);
}

// The smallest rank of the values found that keeps the tolerance, 0 energies beyond them counting as lost.
std::uint64_t captured_rank(const std::vector<double>& values, double norm_squared, double tolerance) {
  const double needed = norm_squared * (1 - tolerance * tolerance);
  double captured = 0;
  std::uint64_t rank = 0;
  while (rank < values.size() && captured < needed) captured += values[rank++];
  return captured < needed ? values.size() + 1 : rank;
}

Svd randomized(const MatrixView& a, const SvdOptions& options) {
  const std::uint64_t d = std::min(a.rows, a.cols), cap = cap_of(options, d);
  const double norm_squared = squared_norm(a.values);
  std::uint64_t wanted = options.tolerance > 0 ? std::min(cap, kFirstRank) : cap;
  const Arithmetic arithmetic = Arithmetic::fp64;
  std::vector<double> gram;
  while (wanted > 0 && krylov_basis_size(wanted) <= d) {
    if (gram.empty()) gram = gram_in(a, arithmetic);
    Eigen eigen = block_krylov(gram, d, wanted, options.seed);
    std::uint64_t rank = wanted;
    if (options.tolerance > 0) rank = captured_rank(eigen.values, norm_squared, options.tolerance);
    if (rank <= wanted || wanted == cap) {
      rank = std::min(rank, wanted);
      eigen.vectors.resize(rank * d);
      Svd result = factors_of(a, std::move(eigen.vectors), rank, norm_squared,
                              allowed_energy(norm_squared, options), arithmetic);
      result.method = SvdMethod::randomized;
      return result;
    }
    wanted = std::min(2 * wanted, cap);
  }
  Svd result = partial(a, options, arithmetic_for(a, options));
  result.failures.push_back(
      {SvdMethod::randomized, options.max_rank, "the rank is too large for a random basis"});
  return result;
}

Svd solve(const MatrixView& a, const SvdOptions& options) {
  switch (options.method) {
    case SvdMethod::full: {
      Svd result = full(a, options);
      result.method = SvdMethod::full;
      return result;
    }
    case SvdMethod::truncated:
      return partial(a, options, arithmetic_for(a, options));
    case SvdMethod::randomized:
      return randomized(a, options);
  }
  throw base::Error(base::ErrorKind::internal, "no such method of decomposition");
}

}  // namespace

std::string_view svd_method_name(SvdMethod method) {
  constexpr std::string_view kNames[] = {"full", "truncated", "randomized"};
  return kNames[static_cast<std::size_t>(method)];
}

std::optional<SvdMethod> svd_method_from_name(std::string_view name) {
  for (const SvdMethod method : {SvdMethod::full, SvdMethod::truncated, SvdMethod::randomized}) {
    if (svd_method_name(method) == name) return method;
  }
  return std::nullopt;
}

Svd svd(const MatrixView& a, const SvdOptions& options) {
  check_options(options);
  const std::uint64_t d = std::min(a.rows, a.cols), cap = cap_of(options, d);
  if (d == 0) return {.rows = a.rows, .cols = a.cols, .method = options.method};
  Svd result = solve(a, options);
  if (result.rank < cap && !within(result, options)) {
    throw base::Error(base::ErrorKind::internal,
                      "a decomposition misses its tolerance, by its own certificate");
  }
  return result;
}

Svd svd_with_retries(const MatrixView& a, const SvdOptions& options, const SvdSolver& solver) {
  std::vector<SvdOptions> plans{options};
  if (options.max_rank > 1) {
    plans.push_back(options);
    plans.back().max_rank /= 2;
  }
  for (const SvdMethod method : {SvdMethod::truncated, SvdMethod::full}) {
    if (method == options.method) continue;
    plans.push_back(options);
    plans.back().method = method;
  }
  std::vector<SvdAttempt> failures;
  for (std::size_t i = 0;; ++i) {
    try {
      Svd result = solver(a, plans[i]);
      result.failures.insert(result.failures.begin(), failures.begin(), failures.end());
      return result;
    } catch (const base::Error& error) {
      if (error.kind() != base::ErrorKind::internal || i + 1 == plans.size()) throw;
      failures.push_back({plans[i].method, plans[i].max_rank, error.what()});
    }
  }
}

LowRank balanced(const Svd& svd) {
  LowRank result{svd.rows, svd.cols, svd.rank, svd.u, svd.v};
  for (std::uint64_t k = 0; k < svd.rank; ++k) {
    const double root = std::sqrt(svd.sigma[k]);
    for (std::uint64_t i = 0; i < svd.rows; ++i) {
      float& entry = result.left[i * svd.rank + k];
      entry = static_cast<float>(entry * root);
    }
    for (std::uint64_t j = 0; j < svd.cols; ++j) {
      float& entry = result.right[k * svd.cols + j];
      entry = static_cast<float>(entry * root);
    }
  }
  return result;
}

}  // namespace tt::tensor
