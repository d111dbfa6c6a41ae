#include "pipeline/plan_choice.h"

#include <span>

namespace tt::pipeline {

PlanChoice choose_importances(const ChoiceShop& shop, std::uint64_t budget, plan::Importances& importances) {
  PlanChoice best{kUnjudgedAlpha, "", 0, std::nullopt};
  for (const double alpha : shop.judge == nullptr ? std::span<const double>() : shop.alphas) {
    const plan::Importances shrunk = shrunk_importances(shop.base, shop.sensitivities, alpha);
    const std::optional<plan::Plan> plan = plan::allocate(shop.curves, shrunk, budget);
    if (!plan) break;  // too little for any
    const std::optional<double> damage =
        shop.judge->damage(shop.encoder.encode(*plan, nullptr, shop.progress));
    if (damage && (!best.damage || *damage < *best.damage))
      best = {alpha, shop.judge->measure(), shop.judge->samples(), damage};
  }
  importances = shrunk_importances(shop.base, shop.sensitivities, best.alpha);
  return best;
}

}  // namespace tt::pipeline
