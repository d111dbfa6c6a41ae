#include "tensor/tensor_train.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/checked.h"
#include "tensor/dtype.h"
#include "tensor/gram.h"
#include "tensor/partial_eigen.h"
#include "tensor/product.h"
#include "tensor/svd_steps.h"
#include "tensor/truncation.h"

namespace tt::tensor {
namespace {

constexpr std::size_t kMaxModes = 8;
constexpr std::uint64_t kThreeFactors = 4096;  // sides from here on are cut into three modes

using base::checked_mul;

void check_modes(std::uint64_t values, const std::vector<std::uint64_t>& modes) {
  const std::string text = shape_text(modes);
  if (modes.empty() || modes.size() > kMaxModes) {
    throw base::Error(base::ErrorKind::bad_data,
                      "cannot form a tensor train, " + std::to_string(modes.size()) + " modes given",
                      "1 to 8 modes are possible");
  }
  if (base::checked_product(modes, "product of modes " + text) != values || values == 0) {
    throw base::Error(base::ErrorKind::bad_data, "cannot form a tensor train, modes " + text +
                                                     " do not multiply to " + std::to_string(values) +
                                                     " elements");
  }
}

// What one step of the sweep leaves: `core` (rank x cols), and the remaining matrix (rows x rank) with A ~
// rest * core.
struct Step {
  std::uint64_t rank = 0;
  double lost = 0;
  std::vector<float> rest, core;
};

// The smaller side is the columns: their eigenvectors are the core, the rest is A times it.
void split_tall(const MatrixView& a, const std::vector<double>& q, Arithmetic arithmetic, Step& step) {
  step.core.assign(q.begin(), q.end());
  if (arithmetic != Arithmetic::fp32) {
    step.rest = project_rows(a, q, step.rank);
    return;
  }
  step.rest.resize(a.rows * step.rank);
  std::vector<float> columns(a.cols * step.rank);
  for (std::uint64_t k = 0; k < step.rank; ++k) {
    for (std::uint64_t j = 0; j < a.cols; ++j) columns[j * step.rank + k] = step.core[k * a.cols + j];
  }
  fixed_order_product(a.values, columns, a.rows, a.cols, step.rank, step.rest);
}

// The smaller side is the rows: rest = U S, core = S^-1 U^T A, so that rest * core is the projection U U^T A
// however small S is.
void split_wide(const MatrixView& a, const std::vector<double>& q, Step& step) {
  std::vector<double> core = project(q, step.rank, a, false);
  step.rest.assign(a.rows * step.rank, 0.0f);
  for (std::uint64_t k = 0; k < step.rank; ++k) {
    double energy = 0;
    for (std::uint64_t j = 0; j < a.cols; ++j) energy += core[k * a.cols + j] * core[k * a.cols + j];
    const double norm = std::sqrt(energy);
    for (std::uint64_t j = 0; j < a.cols; ++j) core[k * a.cols + j] *= norm > 0 ? 1 / norm : 0;
    for (std::uint64_t i = 0; i < a.rows; ++i)
      step.rest[i * step.rank + k] = static_cast<float>(q[k * a.rows + i] * norm);
  }
  step.core.assign(core.begin(), core.end());
}

// The least share of the energy that a step in float32 may lose: its rounding, about 1e-7 of the energy, is
// then below 1e-3 of what is lost.
constexpr double kSeen = 1e-4;
constexpr double kLeastSquare = 1e-24;  // mean square of the entries from which on float32 loses none

// False if squares left the range of float32.
bool in_range(const std::vector<double>& gram, std::uint64_t d, std::uint64_t count) {
  double trace = 0;
  for (std::uint64_t i = 0; i < d; ++i) trace += gram[i * d + i];
  return std::isfinite(trace) && trace >= kLeastSquare * static_cast<double>(count);
}

// The components of the smaller side that a step keeps.
struct Kept {
  std::vector<double> vectors;  // rank x d
  std::uint64_t rank = 0;
  double lost = 0;
  bool seen = false;  // the error is far above the rounding of float32
};

Kept kept_components(const std::vector<double>& gram, std::uint64_t d, double allowed, std::uint64_t cap) {
  const PartialEigen eigen(gram, d, Precision::fp64);
  Kept kept;
  kept.rank = kept_rank(eigen.values(), allowed, cap, kept.lost);
  kept.vectors = eigen.vectors(kept.rank);
  fix_signs(kept.vectors, d);
  const double energy = std::accumulate(eigen.values().begin(), eigen.values().end(), 0.0);
  // What keeps all components loses nothing, whatever basis it takes.
  kept.seen = kept.lost >= kSeen * energy || (allowed <= 0 && kept.rank == d);
  return kept;
}

// Keeps the smallest rank that loses at most `allowed` energy, at most `cap`, at least 1. In float32 if what
// that loses is far above its rounding.
Step split_step(const MatrixView& a, double allowed, std::uint64_t cap) {
  const std::uint64_t d = std::min(a.rows, a.cols);
  Arithmetic arithmetic = Arithmetic::fp32;
  std::vector<double> gram = gram_in(a, arithmetic);
  Kept kept;
  if (in_range(gram, d, a.values.size())) kept = kept_components(gram, d, allowed, cap);
  if (!kept.seen) {
    arithmetic = Arithmetic::fp64;
    gram = gram_in(a, arithmetic);
    kept = kept_components(gram, d, allowed, cap);
  }
  Step step{.rank = kept.rank, .lost = kept.lost, .rest = {}, .core = {}};
  // gram_in takes the rows of a square matrix.
  if (a.cols < a.rows) {
    split_tall(a, kept.vectors, arithmetic, step);
  } else {
    split_wide(a, kept.vectors, step);
  }
  return step;
}

void append_factors(std::uint64_t value, std::size_t parts, std::vector<std::uint64_t>& modes) {
  while (parts > 1) {
    // The largest divisor not above the root that would make all parts equal.
    auto divisor = static_cast<std::uint64_t>(
        std::pow(static_cast<double>(value), 1.0 / static_cast<double>(parts)) + 1e-9);
    while (divisor > 1 && value % divisor != 0) --divisor;
    if (divisor > 1) modes.push_back(divisor);
    value /= std::max<std::uint64_t>(divisor, 1);
    --parts;
  }
  if (value > 1) modes.push_back(value);
}

}  // namespace

TensorTrain tt_svd(std::span<const float> values, const std::vector<std::uint64_t>& modes,
                   const TtOptions& options) {
  check_modes(values.size(), modes);
  const std::size_t order = modes.size();
  if (!options.max_ranks.empty() && options.max_ranks.size() + 1 != order) {
    throw base::Error(base::ErrorKind::bad_data,
                      "cannot form a tensor train, there must be one rank fewer than modes");
  }
  TensorTrain train;
  train.modes = modes;
  train.ranks.assign(order + 1, 1);
  train.cores.resize(order);
  double budget = options.tolerance > 0 ? options.tolerance * options.tolerance * squared_norm(values) : 0;
  std::vector<float> rest;
  std::span<const float> current = values;
  for (std::size_t k = order - 1; k > 0; --k) {
    const std::uint64_t cols = modes[k] * train.ranks[k + 1];
    const std::uint64_t cap =
        options.max_ranks.empty() ? cols : std::max<std::uint64_t>(options.max_ranks[k - 1], 1);
    Step step = split_step({current, current.size() / cols, cols}, budget / static_cast<double>(k), cap);
    budget = std::max(budget - step.lost, 0.0);
    train.ranks[k] = step.rank;
    train.cores[k] = std::move(step.core);
    rest = std::move(step.rest);
    current = rest;
  }
  train.cores[0].assign(current.begin(), current.end());
  return train;
}

std::vector<Spectrum> unfolding_spectra(std::span<const float> values,
                                        const std::vector<std::uint64_t>& modes) {
  check_modes(values.size(), modes);
  std::vector<Spectrum> spectra;
  std::uint64_t rows = 1;
  for (std::size_t k = 0; k + 1 < modes.size(); ++k) {
    rows *= modes[k];
    spectra.push_back(spectrum({values, rows, values.size() / rows}));
  }
  return spectra;
}

std::vector<std::uint64_t> balanced_modes(std::uint64_t rows, std::uint64_t cols) {
  std::vector<std::uint64_t> modes;
  for (const std::uint64_t side : {rows, cols}) append_factors(side, side >= kThreeFactors ? 3 : 2, modes);
  if (modes.empty()) modes.push_back(1);
  return modes;
}

std::uint64_t core_elements(const std::vector<std::uint64_t>& modes,
                            const std::vector<std::uint64_t>& ranks) {
  std::uint64_t total = 0;
  for (std::size_t k = 0; k < modes.size(); ++k) {
    const std::uint64_t core =
        checked_mul(checked_mul(ranks[k], modes[k], "size of a core"), ranks[k + 1], "size of a core");
    total = base::checked_add(total, core, "size of a tensor train");
  }
  return total;
}

}  // namespace tt::tensor
