#include "plan/allocate.h"

#include <algorithm>
#include <cassert>

namespace tt::plan {
namespace {

// One step of a weight along its hull.
struct Edge {
  std::size_t weight, from, to;
  std::uint64_t bytes;
  double slope;
};

std::vector<Edge> edges_by_slope(const std::vector<Curve>& curves, const Importances& importances) {
  std::vector<Edge> edges;
  for (std::size_t w = 0; w < curves.size(); ++w) {
    const std::vector<std::size_t> hull = lower_hull(curves[w]);
    for (std::size_t k = 1; k < hull.size(); ++k) {
      const Candidate &a = curves[w][hull[k - 1]], &b = curves[w][hull[k]];
      const std::uint64_t bytes = b.bytes - a.bytes;
      edges.push_back(
          {w, hull[k - 1], hull[k], bytes, importances[w] * (a.loss - b.loss) / static_cast<double>(bytes)});
    }
  }
  std::stable_sort(edges.begin(), edges.end(),
                   [](const Edge& a, const Edge& b) { return a.slope > b.slope; });
  return edges;
}

// Walks the edges in order while they fit; an edge that does not fit ends the walk of its weight.
void walk_hulls(const std::vector<Curve>& curves, const Importances& importances, std::uint64_t budget,
                Plan& plan) {
  for (const Edge& edge : edges_by_slope(curves, importances)) {
    if (plan.choice[edge.weight] != edge.from || edge.bytes > budget - plan.bytes) continue;
    plan.choice[edge.weight] = edge.to;
    plan.bytes += edge.bytes;
  }
}

// The step of one weight that saves most loss per byte among those that fit into `room`; `to` = 0 if there is
// none.
Edge best_step(const Curve& curve, std::size_t weight, std::size_t from, std::uint64_t room) {
  Edge best{weight, from, 0, 0, 0};
  for (std::size_t to = from + 1; to < curve.size() && curve[to].bytes - curve[from].bytes <= room; ++to) {
    const std::uint64_t bytes = curve[to].bytes - curve[from].bytes;
    const double slope = (curve[from].loss - curve[to].loss) / static_cast<double>(bytes);
    if (slope > best.slope) best = {weight, from, to, bytes, slope};
  }
  return best;
}

// Each round takes one step per weight in order of slope, until nothing fits any more.
void spend_leftover(const std::vector<Curve>& curves, const Importances& importances, std::uint64_t budget,
                    Plan& plan) {
  for (bool moved = true; moved;) {
    std::vector<Edge> steps;
    for (std::size_t w = 0; w < curves.size(); ++w) {
      Edge step = best_step(curves[w], w, plan.choice[w], budget - plan.bytes);
      step.slope *= importances[w];
      if (step.to != 0) steps.push_back(step);
    }
    std::stable_sort(steps.begin(), steps.end(),
                     [](const Edge& a, const Edge& b) { return a.slope > b.slope; });
    moved = false;
    for (const Edge& step : steps) {
      if (step.bytes > budget - plan.bytes) continue;
      plan.choice[step.weight] = step.to;
      plan.bytes += step.bytes;
      moved = true;
    }
  }
}

Plan plan_of(const std::vector<Curve>& curves, const Importances& importances,
             const std::vector<std::size_t>& choice) {
  Plan plan{choice, 0, 0};
  for (std::size_t w = 0; w < curves.size(); ++w) {
    plan.bytes += curves[w][choice[w]].bytes;
    plan.loss += importances[w] * curves[w][choice[w]].loss;
  }
  return plan;
}

}  // namespace

Plan smallest_plan(const std::vector<Curve>& curves, const Importances& importances) {
  return plan_of(curves, importances, std::vector<std::size_t>(curves.size(), 0));
}

Plan best_plan(const std::vector<Curve>& curves, const Importances& importances) {
  std::vector<std::size_t> choice;
  for (const Curve& curve : curves) {
    assert(!curve.empty());
    choice.push_back(curve.size() - 1);
  }
  return plan_of(curves, importances, choice);
}

std::optional<Plan> allocate(const std::vector<Curve>& curves, const Importances& importances,
                             std::uint64_t budget) {
  Plan plan = smallest_plan(curves, importances);
  if (plan.bytes > budget) return std::nullopt;
  walk_hulls(curves, importances, budget, plan);
  spend_leftover(curves, importances, budget, plan);
  return plan_of(curves, importances, plan.choice);
}

}  // namespace tt::plan
