#include "plan/curve.h"

#include <algorithm>
#include <cmath>

namespace tt::plan {
namespace {

// Loss saved per byte on the way from `a` to the larger `b`.
double slope(const Candidate& a, const Candidate& b) {
  return (a.loss - b.loss) / static_cast<double>(b.bytes - a.bytes);
}

}  // namespace

Curve pareto(std::vector<Candidate> candidates) {
  std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return a.bytes != b.bytes ? a.bytes < b.bytes : a.loss < b.loss;
  });
  Curve kept;
  for (Candidate& candidate : candidates)
    if (kept.empty() || candidate.loss < kept.back().loss) kept.push_back(std::move(candidate));
  return kept;
}

std::vector<std::size_t> lower_hull(const Curve& curve) {
  std::vector<std::size_t> hull;
  for (std::size_t i = 0; i < curve.size(); ++i) {
    while (hull.size() >= 2) {
      const Candidate& before = curve[hull[hull.size() - 2]];
      const Candidate& last = curve[hull.back()];
      if (slope(before, last) > slope(last, curve[i])) break;
      hull.pop_back();
    }
    hull.push_back(i);
  }
  return hull;
}

double retention_loss(double squared_error) {
  constexpr double kLost = 0.999;
  return squared_error < kLost ? -std::log1p(-squared_error) : -std::log1p(-kLost) * squared_error / kLost;
}

double error_of_loss(double loss) {
  return std::sqrt(-std::expm1(-loss));
}

}  // namespace tt::plan
