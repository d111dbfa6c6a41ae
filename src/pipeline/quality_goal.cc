#include "pipeline/quality_goal.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/text.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;

// Fractions of the smallest budget that keeps the limits, tried after the bisection.
constexpr std::array kNeighbours = {0.995, 0.99, 0.98, 0.97, 0.955, 0.94, 0.9};

std::uint64_t scaled(std::uint64_t budget, double factor) {
  return static_cast<std::uint64_t>(static_cast<double>(budget) * factor);
}

class QualitySearch {
 public:
  QualitySearch(const Workshop& shop, const Measure& measure, std::uint64_t goal)
      : shop_(shop), measure_(measure), goal_(goal) {}

  // True if the plan keeps the limits and the goal; the smallest such file is kept.
  bool attempt(const plan::Plan& plan) {
    const auto known = tried_.find(plan.choice);
    if (known != tried_.end()) return known->second;
    const plan::Plan* const keep = best_ ? &best_->fitted.plan : nullptr;
    return judge(fit_plan(plan, keep, shop_.writer, shop_.encoder, shop_.progress));
  }

  bool judge(FittedPlan fitted) {
    Quality quality = measure_(fitted.weights);
    const bool fits = fitted.size.total <= goal_, keeps = quality.kept();
    tried_[fitted.plan.choice] = fits && keeps;
    if (!keeps && (!missed_ || fitted.plan.loss < missed_loss_)) {
      missed_ = quality;
      missed_loss_ = fitted.plan.loss;
    }
    if (!fits || !keeps) return false;
    if (!best_ || fitted.size.total < best_->fitted.size.total)
      best_ = QualityFit{std::move(fitted), std::move(quality)};
    return true;
  }

  void find_smallest() {
    const plan::Plan smallest = plan::smallest_plan(shop_.curves, shop_.importances),
                     exact = plan::best_plan(shop_.curves, shop_.importances);
    if (attempt(smallest)) return;
    bisect(smallest.bytes, exact.bytes);
    if (!best_ && !attempt(exact)) return;
    try_neighbours();
  }

  void try_neighbours() {
    const std::uint64_t least = plan::smallest_plan(shop_.curves, shop_.importances).bytes;
    for (std::size_t i = 0; i < kNeighbours.size() && measurements() < kMaxMeasurements;) {
      const std::uint64_t from = best_ ? best_->fitted.plan.bytes : goal_budget_;
      const std::uint64_t budget = scaled(from, kNeighbours[i]);
      if (budget < least) return;
      const std::uint64_t before = best_ ? best_->fitted.size.total : UINT64_MAX;
      const bool smaller = attempt(*plan::allocate(shop_.curves, shop_.importances, budget)) &&
                           best_->fitted.size.total < before;
      i = smaller ? 0 : i + 1;
    }
  }

  void set_goal_budget(std::uint64_t budget) { goal_budget_ = budget; }
  std::optional<QualityFit>& best() { return best_; }
  // Of the most exact plan that misses a limit.
  const std::optional<Quality>& missed() const { return missed_; }

 private:
  int measurements() const { return static_cast<int>(tried_.size()); }

  void bisect(std::uint64_t bad, std::uint64_t good) {
    while (static_cast<double>(good) > static_cast<double>(bad) * kBudgetStep &&
           measurements() < kMaxMeasurements / 2) {
      const auto middle = static_cast<std::uint64_t>(std::sqrt(static_cast<double>(bad)) *
                                                     std::sqrt(static_cast<double>(good)));
      if (middle <= bad || middle >= good) return;
      const plan::Plan plan = *plan::allocate(shop_.curves, shop_.importances, middle);
      (attempt(plan) ? good : bad) = middle;
    }
  }

  const Workshop& shop_;
  const Measure& measure_;
  std::uint64_t goal_;
  std::uint64_t goal_budget_ = 0;
  std::map<std::vector<std::size_t>, bool> tried_;
  std::optional<QualityFit> best_;
  std::optional<Quality> missed_;
  double missed_loss_ = 0;
};

[[noreturn]] void throw_unkept(const Quality& reached) {
  throw Error(ErrorKind::goal_unreachable,
              "cannot keep the limits: at best " + quality_text(reached, true) + " is reached",
              "loosen the limit, or let more weights be exact (--tensor, --method auto)");
}

[[noreturn]] void throw_too_small(std::uint64_t goal, const Quality& reached, std::uint64_t needed) {
  throw Error(
      ErrorKind::goal_unreachable,
      "cannot keep the limits in " + std::to_string(goal) + " bytes: " + quality_text(reached, true) +
          " is reached, the smallest file found that keeps them has " + std::to_string(needed) + " bytes",
      "use --target-bytes " + std::to_string(needed + kGoalDigits) + " or more, or leave the size goal out");
}

[[noreturn]] void throw_weight(const std::string& name, double error, double max_error) {
  throw_unkept({{{"max_error", max_error, error, false, "weight " + base::quoted(name)}}, "weights", 0});
}

// Candidates that cannot keep the limit leave the curve.
void drop_inexact(const Workshop& shop, std::size_t weight, double max_error) {
  plan::Curve& curve = shop.curves[weight];
  const double least = std::min_element(curve.begin(), curve.end(), [](const auto& a, const auto& b) {
                         return a.relative_error < b.relative_error;
                       })->relative_error;
  std::erase_if(curve,
                [&](const plan::Candidate& candidate) { return candidate.relative_error > max_error; });
  if (curve.empty()) throw_weight(shop.encoder.name(weight), least, max_error);
}

// Those that were predicted to keep it and do not, once they are measured.
void drop_missed(const Workshop& shop, const FittedPlan& fitted, double max_error) {
  for (std::size_t w = 0; w < shop.curves.size(); ++w) {
    const Quality quality = weight_quality(max_error, {fitted.weights[w]});
    if (quality.kept()) continue;
    const std::string name = fitted.weights[w]->entry.name;
    plan::Curve& curve = shop.curves[w];
    shop.encoder.forget(w);
    curve.erase(curve.begin() + static_cast<std::ptrdiff_t>(fitted.plan.choice[w]));
    if (curve.empty()) throw_weight(name, quality.limits[0].value, max_error);
  }
}

}  // namespace

QualityFit fit_within(const Workshop& shop, const Measure& measure, std::uint64_t goal,
                      const std::function<QualityFit()>& smallest) {
  QualitySearch search(shop, measure, goal);
  FittedPlan fitted = fit_to_size(shop.curves, shop.importances, shop.writer, shop.encoder, goal,
                                  shop.bytes_in, shop.progress);
  search.set_goal_budget(fitted.plan.bytes);
  if (!search.judge(std::move(fitted))) search.try_neighbours();
  if (search.best()) return std::move(*search.best());
  QualityFit fit = smallest();
  if (fit.fitted.size.total > goal) throw_too_small(goal, *search.missed(), fit.fitted.size.total);
  return fit;
}

QualityFit fit_to_quality(const Workshop& shop, const Measure& measure) {
  QualitySearch search(shop, measure, UINT64_MAX);
  search.find_smallest();
  if (!search.best()) throw_unkept(*search.missed());
  return std::move(*search.best());
}

QualityFit fit_to_weight_error(const Workshop& shop, double max_error, std::uint64_t goal) {
  for (std::size_t w = 0; w < shop.curves.size(); ++w) drop_inexact(shop, w, max_error);
  for (;;) {
    FittedPlan fitted = goal == UINT64_MAX ? fit_plan(plan::smallest_plan(shop.curves, shop.importances),
                                                      nullptr, shop.writer, shop.encoder, shop.progress)
                                           : fit_to_size(shop.curves, shop.importances, shop.writer,
                                                         shop.encoder, goal, shop.bytes_in, shop.progress);
    Quality quality = weight_quality(max_error, fitted.weights);
    if (quality.kept()) return {std::move(fitted), std::move(quality)};
    drop_missed(shop, fitted, max_error);
  }
}

}  // namespace tt::pipeline
