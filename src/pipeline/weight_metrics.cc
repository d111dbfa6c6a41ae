#include "pipeline/weight_metrics.h"

#include <algorithm>
#include <cmath>

#include "tensor/spectrum.h"

namespace tt::pipeline {

CalibratedAs calibrated_as(const model::Model& model, const model::Model& original,
                           const model::FoldReport& folded) {
  std::map<std::string, std::size_t> indices;
  for (std::size_t i = 0; i < original.weights().size(); ++i) indices.emplace(original.weights()[i].name, i);
  std::map<std::string, const model::FoldedWeight*> changed;
  for (const model::FoldedWeight& weight : folded.weights) changed.emplace(weight.weight, &weight);
  CalibratedAs as;
  for (const model::Weight& weight : model.weights()) {
    const auto fold = changed.find(weight.name);
    const bool same_inputs =
        fold == changed.end() || (!fold->second->constant_nodes && fold->second->input_scale.empty() &&
                                  fold->second->input_shift.empty());
    const auto found = indices.find(fold == changed.end() ? weight.name : fold->second->original);
    const bool known = same_inputs && found != indices.end() &&
                       original.weights()[found->second].layout.shape == weight.layout.shape;
    as.push_back(known ? std::optional(found->second) : std::nullopt);
  }
  return as;
}

std::string WeightMetrics::key_of(std::size_t weight) const {
  return calibration_ && weights_[weight] ? calibration_->metric_key(*weights_[weight]) : std::string();
}

std::shared_ptr<const tensor::Metric> WeightMetrics::metric(std::size_t weight) const {
  return key_of(weight).empty() ? nullptr : calibration_->metric(*weights_[weight]);
}

std::shared_ptr<const tensor::SicPlan> WeightMetrics::sic(std::size_t weight) const {
  const std::string key = key_of(weight);
  if (key.empty()) return nullptr;
  const auto find = [&] {
    return std::find_if(cache_.begin(), cache_.end(), [&](const auto& entry) { return entry.first == key; });
  };
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = find(); known != cache_.end()) return known->second;
  }
  // Outside of the lock: two threads may make the same plan, which is the same plan.
  auto fresh = std::make_shared<const tensor::SicPlan>(*calibration_->metric(*weights_[weight]));
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

const runtime::InputInfo* WeightMetrics::input(std::size_t weight) const {
  if (!calibration_ || !weights_[weight]) return nullptr;
  const runtime::CalibrationInfo& info = calibration_->info();
  const std::vector<std::uint64_t>& inputs = info.weights[*weights_[weight]].inputs;
  return inputs.empty() ? nullptr : &info.inputs[inputs[0]];
}

std::optional<double> WeightMetrics::sensitivity(std::size_t weight) const {
  if (!calibration_ || !weights_[weight]) return std::nullopt;
  return runtime::relative_sensitivity_of(calibration_->info(), *weights_[weight]);
}

double unseen_importance(const model::Weight& weight, const tensor::WeightData& data) {
  constexpr std::uint64_t kMostComponents = 2048;
  const std::uint64_t components = std::min(data.layout.rows, data.layout.cols);
  if (weight.role != model::Role::conv || components < 2 || components > kMostComponents) return 1;
  return tensor::spectrum({data.values(), data.layout.rows, data.layout.cols}).concentration();
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
