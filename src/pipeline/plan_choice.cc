#include "pipeline/plan_choice.h"

#include <array>
#include <cmath>

namespace tt::pipeline {
namespace {

constexpr std::array kAlphas = {1.0, 0.5, 0.0};

}  // namespace

PlanChoice choose_importances(const ChoiceShop& shop, std::uint64_t budget, plan::Importances& importances) {
  PlanChoice best{kUnjudgedAlpha, "", 0, std::nullopt};
  if (shop.judge != nullptr) {
    for (const double alpha : kAlphas) {
      const plan::Importances some = shrunk_importances(shop.base, shop.sensitivities, alpha);
      const std::optional<plan::Plan> plan = plan::allocate(shop.curves, some, budget);
      if (!plan) break;
      const std::optional<double> damage =
          shop.judge->damage(shop.encoder.encode(*plan, nullptr, shop.progress));
      if (damage && (!best.damage || *damage < *best.damage))
        best = {alpha, shop.judge->measure(), shop.judge->samples(), damage};
    }
  }
  importances = shrunk_importances(shop.base, shop.sensitivities, best.alpha);
  return best;
}

}  // namespace tt::pipeline
