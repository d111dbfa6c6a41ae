#include "plan/allocate.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

using namespace tt::plan;

namespace {

Candidate at(std::uint64_t bytes, double loss) {
  return {{}, bytes, loss, loss};
}

std::vector<Curve> random_curves(unsigned seed, std::size_t weights, std::size_t candidates) {
  std::mt19937 random(seed);
  std::vector<Curve> curves;
  for (std::size_t w = 0; w < weights; ++w) {
    std::vector<Candidate> all;
    for (std::size_t c = 0; c < candidates; ++c)
      all.push_back(at(1 + random() % 1000, static_cast<double>(random() % 100000) / 1000));
    curves.push_back(pareto(std::move(all)));
  }
  return curves;
}

Importances ones(const std::vector<Curve>& curves) {
  return Importances(curves.size(), 1.0);
}

// The optimum by exhaustion (dynamic programming over bytes).
double optimum(const std::vector<Curve>& curves, std::uint64_t budget) {
  std::vector<double> best(budget + 1, 0);
  for (const Curve& curve : curves) {
    std::vector<double> next(budget + 1, 1e300);
    for (std::uint64_t b = 0; b <= budget; ++b)
      for (const Candidate& c : curve)
        if (c.bytes <= b) next[b] = std::min(next[b], best[b - c.bytes] + c.loss);
    best = std::move(next);
  }
  return best[budget];
}

// The largest loss saved by one step on a hull: what a plan may lose against the relaxed optimum.
double largest_step(const std::vector<Curve>& curves) {
  double largest = 0;
  for (const Curve& curve : curves) {
    const auto hull = lower_hull(curve);
    for (std::size_t k = 1; k < hull.size(); ++k)
      largest = std::max(largest, curve[hull[k - 1]].loss - curve[hull[k]].loss);
  }
  return largest;
}

}  // namespace

TEST_CASE("pareto keeps what nothing dominates, in order") {
  const Curve curve = pareto({at(5, 1), at(3, 2), at(4, 2), at(3, 3), at(9, 1), at(7, 0)});
  REQUIRE(curve.size() == 3);
  CHECK(curve[0].bytes == 3);
  CHECK(curve[0].loss == 2);
  CHECK(curve[1].bytes == 5);
  CHECK(curve[2].bytes == 7);
}

TEST_CASE("the hull's slopes descend and no candidate lies below it") {
  for (unsigned seed = 0; seed < 50; ++seed) {
    const Curve curve = random_curves(seed, 1, 40)[0];
    const auto hull = lower_hull(curve);
    CHECK(hull.front() == 0);
    CHECK(hull.back() == curve.size() - 1);
    for (std::size_t k = 1; k < hull.size(); ++k) {
      const Candidate &a = curve[hull[k - 1]], &b = curve[hull[k]];
      for (std::size_t i = hull[k - 1]; i <= hull[k]; ++i) {
        const double t =
            static_cast<double>(curve[i].bytes - a.bytes) / static_cast<double>(b.bytes - a.bytes);
        CHECK(curve[i].loss >= a.loss + t * (b.loss - a.loss) - 1e-9);
      }
    }
  }
}

TEST_CASE("a plan never exceeds the budget and stays close to the optimum") {
  for (unsigned seed = 0; seed < 20; ++seed) {
    const auto curves = random_curves(seed, 12, 25);
    const std::uint64_t least = smallest_plan(curves, ones(curves)).bytes,
                        most = best_plan(curves, ones(curves)).bytes;
    for (int step = 0; step <= 8; ++step) {
      const std::uint64_t budget = least + (most - least) * static_cast<std::uint64_t>(step) / 8;
      const auto plan = allocate(curves, ones(curves), budget);
      REQUIRE(plan);
      CHECK(plan->bytes <= budget);
      const double best = optimum(curves, budget);
      CHECK(plan->loss >= best - 1e-9);
      // The walk follows the relaxed optimum up to the first step that does not fit.
      CHECK(plan->loss <= best + largest_step(curves) + 1e-9);
    }
  }
}

TEST_CASE("budgets at the ends") {
  const auto curves = random_curves(7, 5, 10);
  const Plan least = smallest_plan(curves, ones(curves)), most = best_plan(curves, ones(curves));
  CHECK_FALSE(allocate(curves, ones(curves), least.bytes - 1));
  CHECK(allocate(curves, ones(curves), least.bytes)->bytes == least.bytes);
  CHECK(allocate(curves, ones(curves), most.bytes)->loss == doctest::Approx(most.loss));
  CHECK(allocate(curves, ones(curves), most.bytes * 10)->choice == most.choice);
}

TEST_CASE("a larger budget is never worse by more than a rounding") {
  const auto curves = random_curves(11, 30, 30);
  double before = 1e300;
  for (std::uint64_t budget = smallest_plan(curves, ones(curves)).bytes;
       budget < best_plan(curves, ones(curves)).bytes; budget += 997) {
    const double loss = allocate(curves, ones(curves), budget)->loss;
    CHECK(loss <= before * 1.02 + 1e-9);
    before = loss;
  }
}

TEST_CASE("an importance is a factor of the weight's losses") {
  const auto curves = random_curves(13, 12, 25);
  auto scaled = curves;
  Importances importances;
  for (std::size_t w = 0; w < curves.size(); ++w) {
    importances.push_back(std::exp2(static_cast<double>(w % 5) - 2));
    for (Candidate& candidate : scaled[w]) candidate.loss *= importances[w];
  }
  CHECK(smallest_plan(curves, importances).loss == smallest_plan(scaled, ones(scaled)).loss);
  CHECK(best_plan(curves, importances).loss == best_plan(scaled, ones(scaled)).loss);
  const std::uint64_t least = smallest_plan(curves, importances).bytes;
  for (std::uint64_t budget = least; budget < 3 * least; budget += least / 3) {
    const auto plan = allocate(curves, importances, budget), same = allocate(scaled, ones(scaled), budget);
    CHECK(plan->choice == same->choice);
    CHECK(plan->loss == doctest::Approx(same->loss));
  }
}
