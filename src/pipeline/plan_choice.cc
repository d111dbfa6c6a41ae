#include "pipeline/plan_choice.h"

#include <cmath>

namespace tt::pipeline {
namespace {

struct Trial {
  PlanChoice best{kUnjudgedAlpha, "", 0, std::nullopt};

  // False if the budget is too small for any plan.
  bool attempt(const ChoiceShop& shop, std::uint64_t budget, double alpha) {
    const std::optional<plan::Plan> plan =
        plan::allocate(shop.curves, shrunk_importances(shop.base, shop.sensitivities, alpha), budget);
    if (!plan) return false;
    const std::optional<double> damage =
        shop.judge->damage(shop.encoder.encode(*plan, nullptr, shop.progress));
    if (damage && (!best.damage || *damage < *best.damage))
      best = {alpha, shop.judge->measure(), shop.judge->samples(), damage};
    return true;
  }
};

}  // namespace

PlanChoice choose_importances(const ChoiceShop& shop, std::uint64_t budget, plan::Importances& importances) {
  Trial trial;
  if (shop.judge != nullptr)
    for (const double alpha : shop.alphas)
      if (!trial.attempt(shop, budget, alpha)) break;
  importances = shrunk_importances(shop.base, shop.sensitivities, trial.best.alpha);
  return trial.best;
}

}  // namespace tt::pipeline
