#include "pipeline/weight_metrics.h"

#include <algorithm>
#include <cmath>

namespace tt::pipeline {

std::shared_ptr<const tensor::Metric> WeightMetrics::metric(std::size_t weight) const {
  if (!calibration_ || calibration_->metric_key(weight).empty()) return nullptr;
  return calibration_->metric(weight);
}

std::shared_ptr<const tensor::SicPlan> WeightMetrics::sic(std::size_t weight) const {
  if (!calibration_) return nullptr;
  const std::string key = calibration_->metric_key(weight);
  if (key.empty()) return nullptr;
  const auto find = [&] {
    return std::find_if(cache_.begin(), cache_.end(), [&](const auto& entry) { return entry.first == key; });
  };
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = find(); known != cache_.end()) return known->second;
  }
  // Outside of the lock: two threads may make the same plan, which is the same plan.
  auto fresh = std::make_shared<const tensor::SicPlan>(*calibration_->metric(weight));
  const std::lock_guard lock(mutex_);
  if (const auto known = find(); known != cache_.end()) return known->second;
  cache_.emplace_front(key, fresh);
  std::uint64_t bytes = 0;
  auto last = cache_.begin();
  for (; last != cache_.end(); ++last) {
    bytes += last->second->feedback().size() * sizeof(float) + last->second->size() * 16;
    if (bytes > kCacheBytes && last != cache_.begin()) break;
  }
  cache_.erase(last, cache_.end());
  return fresh;
}

std::optional<double> WeightMetrics::sensitivity(std::size_t weight) const {
  return calibration_ ? runtime::relative_sensitivity_of(calibration_->info(), weight) : std::nullopt;
}

plan::Importances shrunk_importances(const plan::Importances& base,
                                     const std::vector<std::optional<double>>& sensitivities, double alpha) {
  double most = 0;
  for (const std::optional<double>& sensitivity : sensitivities)
    most = std::max(most, sensitivity.value_or(0));
  plan::Importances importances = base;
  for (std::size_t w = 0; w < importances.size() && most > 0; ++w)
    importances[w] *= std::pow(std::max(sensitivities[w].value_or(most) / most, kSensitivityFloor), alpha);
  return importances;
}

}  // namespace tt::pipeline
