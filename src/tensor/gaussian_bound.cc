#include "tensor/gaussian_bound.h"

#include <cmath>
#include <limits>

namespace tt::tensor {
namespace {

// The water level: components above it keep `level` of error, those below all of theirs. `energy` descends.
double water_level(const std::vector<double>& energy, double distortion) {
  double below = 0;
  for (std::size_t above = energy.size(); above > 0; --above) {
    const double level = (distortion - below) / static_cast<double>(above);
    if (level <= energy[above - 1]) return level;
    below += energy[above - 1];
  }
  return 0;
}

}  // namespace

double gaussian_bound(const Spectrum& spectrum, std::uint64_t outputs, std::uint64_t elements, double error) {
  if (elements == 0 || !(spectrum.total > 0) || error >= 1) return 0;
  if (!(error > 0)) return std::numeric_limits<double>::infinity();
  const double level = water_level(spectrum.energy, error * error * spectrum.total);
  double bits = 0;
  for (const double energy : spectrum.energy)
    if (energy > level && level > 0) bits += 0.5 * std::log2(energy / level);
  return bits * static_cast<double>(outputs) / static_cast<double>(elements);
}

}  // namespace tt::tensor
