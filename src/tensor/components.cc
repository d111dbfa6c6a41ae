#include "tensor/components.h"

#include <algorithm>
#include <cmath>

#include "tensor/gram.h"
#include "tensor/partial_eigen.h"
#include "tensor/svd.h"

namespace tt::tensor {
namespace {

// Weaker ones are noise of the Gram matrix, whose directions say nothing.
constexpr double kLeastEnergy = 1e-14;

std::uint64_t clear_components(const Spectrum& spectrum, std::uint64_t count) {
  std::uint64_t clear = 0;
  while (clear < std::min<std::uint64_t>(count, spectrum.energy.size()) &&
         spectrum.energy[clear] > kLeastEnergy * spectrum.total)
    ++clear;
  return clear;
}

// The vectors of the other side are a product with A.
std::vector<double> unit_rows(std::vector<double> rows, std::uint64_t count, std::uint64_t length) {
  for (std::uint64_t i = 0; i < count; ++i) {
    double squares = 0;
    for (std::uint64_t j = 0; j < length; ++j) squares += rows[i * length + j] * rows[i * length + j];
    for (std::uint64_t j = 0; j < length && squares > 0; ++j) rows[i * length + j] /= std::sqrt(squares);
  }
  return rows;
}

void fix_pairs(Components& found, std::uint64_t rows, std::uint64_t cols) {
  for (std::uint64_t i = 0; i < found.count; ++i) {
    const auto right = found.right.begin() + static_cast<std::ptrdiff_t>(i * cols);
    const auto largest = std::max_element(right, right + static_cast<std::ptrdiff_t>(cols),
                                          [](double a, double b) { return std::abs(a) < std::abs(b); });
    if (*largest >= 0) continue;
    for (std::uint64_t j = 0; j < cols; ++j) found.right[i * cols + j] = -found.right[i * cols + j];
    for (std::uint64_t j = 0; j < rows; ++j) found.left[i * rows + j] = -found.left[i * rows + j];
  }
}

Components exact(const MatrixView& a, std::uint64_t count) {
  Components found;
  const std::uint64_t side = std::min(a.rows, a.cols);
  const PartialEigen eigen(gram_of(a), side, Precision::fp64);
  found.spectrum.energy = eigen.values();
  for (double& energy : found.spectrum.energy) energy = std::max(energy, 0.0);
  found.spectrum.total = squared_norm(a.values);
  found.count = clear_components(found.spectrum, count);
  if (found.count == 0) return found;
  const bool wide = a.rows <= a.cols;
  std::vector<double> near = eigen.vectors(found.count);
  std::vector<double> far =
      unit_rows(project(near, found.count, a, !wide), found.count, std::max(a.rows, a.cols));
  found.left = wide ? std::move(near) : std::move(far);
  found.right = wide ? std::move(far) : std::move(near);
  return found;
}

Components leading(const MatrixView& a, std::uint64_t count) {
  const Svd largest = svd(a, {.method = SvdMethod::randomized, .max_rank = kLeading});
  Components found;
  found.spectrum.total = largest.norm * largest.norm;
  for (const double sigma : largest.sigma) found.spectrum.energy.push_back(sigma * sigma);
  found.spectrum.beyond = largest.error * largest.error;
  found.count = clear_components(found.spectrum, count);
  for (std::uint64_t i = 0; i < found.count; ++i)
    for (std::uint64_t r = 0; r < a.rows; ++r) found.left.push_back(largest.u[r * largest.rank + i]);
  found.right.assign(largest.v.begin(),
                     largest.v.begin() + static_cast<std::ptrdiff_t>(found.count * a.cols));
  return found;
}

}  // namespace

Components components_of(const MatrixView& a, std::uint64_t count) {
  const std::uint64_t side = std::min(a.rows, a.cols);
  if (side == 0 || side > kLeadingSide) return {};
  Components found = side <= kExactSide ? exact(a, count) : leading(a, count);
  fix_pairs(found, a.rows, a.cols);
  return found;
}

}  // namespace tt::tensor
