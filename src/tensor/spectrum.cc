#include "tensor/spectrum.h"

#include <algorithm>
#include <cmath>

#include "tensor/gram.h"

namespace tt::tensor {

double Spectrum::tail(std::uint64_t rank) const {
  double sum = beyond;
  for (std::uint64_t i = energy.size(); i-- > rank;) sum += energy[i];
  return sum;
}

std::uint64_t Spectrum::rank_for(double tolerance) const {
  const double allowed = tolerance * tolerance * total;
  double sum = beyond;
  std::uint64_t rank = energy.size();
  while (rank > 0 && sum + energy[rank - 1] <= allowed) sum += energy[--rank];
  return rank;
}

double Spectrum::concentration() const {
  double squares = 0, sum = 0;
  for (const double value : energy) squares += value, sum += std::sqrt(value);
  return sum > 0 ? static_cast<double>(energy.size()) * squares / (sum * sum) : 1;
}

Spectrum spectrum(const MatrixView& a) {
  Spectrum result;
  result.energy = eigen_of(gram_of(a), std::min(a.rows, a.cols), false).values;
  for (double& value : result.energy) value = std::max(value, 0.0);
  result.total = squared_norm(a.values);
  return result;
}

}  // namespace tt::tensor
