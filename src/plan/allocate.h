// One byte budget over all weights.
//
// Minimise sum_w importance_w loss_w(c_w) subject to sum_w bytes_w(c_w) <= budget. Lagrangian relaxation over
// the lower convex hulls (Shoham and Gersho, Efficient bit allocation for an arbitrary set of quantizers,
// IEEE TASSP 1988): for a price lambda every weight takes the hull point that minimises its loss + lambda
// bytes. Sweeping lambda from high to low is a walk over all hull edges in descending slope, so the best
// lambda is found exactly, by one sort instead of a bisection. What is left of the budget is then spent
// greedily on the steps along the whole curves (not only the hulls) that save most loss per byte and still
// fit. Difference to the paper: no second pass with a finer lambda, the greedy end takes its place.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "plan/curve.h"

namespace tt::plan {

// The chosen candidate of every weight, as indices into the curves.
struct Plan {
  std::vector<std::size_t> choice;
  std::uint64_t bytes = 0;
  double loss = 0;  // importances included
};

// What one unit of every weight's loss costs the model, one positive number a weight.
using Importances = std::vector<double>;

// Every curve needs at least one candidate (asserted). Nothing if even the smallest candidates exceed the
// budget.
std::optional<Plan> allocate(const std::vector<Curve>& curves, const Importances& importances,
                             std::uint64_t budget);

Plan smallest_plan(const std::vector<Curve>& curves, const Importances& importances);
Plan best_plan(const std::vector<Curve>& curves, const Importances& importances);

}  // namespace tt::plan
