#include "plan/known_sizes.h"

#include <algorithm>
#include <cmath>

namespace tt::plan {
namespace {

double ratio_of(const Curve& curve, KnownSizes::const_iterator known) {
  return static_cast<double>(known->second) /
         static_cast<double>(std::max<std::uint64_t>(curve[known->first].bytes, 1));
}

// Of real to estimated bytes; `known` is not empty.
double ratio_at(const Curve& curve, const KnownSizes& known, std::size_t index) {
  const auto above = known.lower_bound(index);
  if (above == known.begin()) return ratio_of(curve, above);
  const auto below = std::prev(above);
  if (above == known.end()) return ratio_of(curve, below);
  const double part =
      static_cast<double>(index - below->first) / static_cast<double>(above->first - below->first);
  return (1 - part) * ratio_of(curve, below) + part * ratio_of(curve, above);
}

}  // namespace

Curve corrected(Curve curve, const KnownSizes& known) {
  if (known.empty()) return curve;
  const Curve estimates = curve;
  for (std::size_t i = 0; i < curve.size(); ++i) {
    const auto exact = known.find(i);
    curve[i].bytes = exact != known.end()
                         ? exact->second
                         : static_cast<std::uint64_t>(std::llround(static_cast<double>(estimates[i].bytes) *
                                                                   ratio_at(estimates, known, i)));
    if (i > 0) curve[i].bytes = std::max(curve[i].bytes, curve[i - 1].bytes + 1);
  }
  return curve;
}

}  // namespace tt::plan
