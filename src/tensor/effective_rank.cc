#include "tensor/effective_rank.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace tt::tensor {
namespace {

constexpr double kEdge = 1.1;             // of the largest singular value of random numbers
constexpr std::uint64_t kLeastSide = 64;  // of smaller ones the edge is blurred

}  // namespace

double entropy_rank(std::span<const double> values) {
  double total = 0, entropy = 0;
  for (const double value : values) total += std::max(value, 0.0);
  if (!(total > 0)) return 0;
  for (const double value : values)
    if (value > 0) entropy -= value / total * std::log(value / total);
  return std::exp(entropy);
}

double effective_rank(const Spectrum& spectrum) {
  std::vector<double> sigma(spectrum.energy.size());
  std::transform(spectrum.energy.begin(), spectrum.energy.end(), sigma.begin(),
                 [](double energy) { return std::sqrt(std::max(energy, 0.0)); });
  return entropy_rank(sigma);
}

double stable_rank(const Spectrum& spectrum) {
  return spectrum.energy.empty() || !(spectrum.energy[0] > 0) ? 0 : spectrum.total / spectrum.energy[0];
}

std::uint64_t energy_rank(const Spectrum& spectrum, double share) {
  double kept = 0;
  std::uint64_t rank = 0;
  while (kept < share * spectrum.total && rank < spectrum.energy.size()) kept += spectrum.energy[rank++];
  return kept < share * spectrum.total && spectrum.beyond > 0 ? rank + 1 : rank;
}

bool looks_random(const Spectrum& spectrum, std::uint64_t rows, std::uint64_t cols) {
  if (std::min(rows, cols) < kLeastSide || !(spectrum.total > 0)) return false;
  const double m = static_cast<double>(rows), n = static_cast<double>(cols);
  const double edge = std::sqrt(spectrum.total / (m * n)) * (std::sqrt(m) + std::sqrt(n));
  return std::sqrt(spectrum.energy[0]) <= kEdge * edge;
}

}  // namespace tt::tensor
