#include "pipeline/safety_order.h"

#include <algorithm>
#include <cmath>

#include "pipeline/weight_metrics.h"

namespace tt::pipeline {
namespace {

constexpr double kPlanPower = 0.5;

std::uint64_t reference_bytes(std::uint64_t elements) {
  return static_cast<std::uint64_t>(std::ceil(static_cast<double>(elements) * kReferenceBits / 8));
}

// The best of at most that many bytes, else the smallest there is.
const plan::Candidate& at_most(const plan::Curve& curve, std::uint64_t bytes) {
  const auto above = std::find_if(curve.begin(), curve.end(),
                                  [&](const auto& candidate) { return candidate.bytes > bytes; });
  return above == curve.begin() ? *above : *std::prev(above);
}

SafetyEntry entry_of(const SafetyInput& input, double sensitivity) {
  const plan::Candidate& candidate = at_most(*input.curve, reference_bytes(input.elements));
  SafetyEntry entry;
  entry.weight = input.weight;
  entry.damage = sensitivity * candidate.loss;
  const std::uint64_t exact = input.curve->back().bytes;
  entry.bytes_saved = exact > candidate.bytes ? exact - candidate.bytes : 0;
  if (entry.bytes_saved > 0) entry.damage_per_byte = entry.damage / static_cast<double>(entry.bytes_saved);
  return entry;
}

void add_plan(const std::vector<SafetyInput>& weights, std::vector<SafetyEntry>& entries) {
  std::vector<plan::Curve> curves;
  std::vector<std::optional<double>> sensitivities;
  std::uint64_t budget = 0;
  for (const SafetyInput& weight : weights) {
    curves.push_back(*weight.curve);
    sensitivities.push_back(weight.sensitivity);
    budget += reference_bytes(weight.elements);
  }
  const plan::Importances importances =
      shrunk_importances(plan::Importances(weights.size(), 1.0), sensitivities, kPlanPower);
  const std::optional<plan::Plan> plan = plan::allocate(curves, importances, budget);
  const plan::Plan chosen = plan ? *plan : plan::smallest_plan(curves, importances);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const plan::Candidate& candidate = curves[i][chosen.choice[i]];
    entries[i].encoding = candidate.encoding;
    entries[i].encoded_bytes = candidate.bytes;
    entries[i].encoded_error = plan::error_of_loss(candidate.loss);
  }
}

void add_shares(const std::vector<SafetyInput>& weights, std::vector<SafetyEntry>& entries) {
  double damage = 0, bytes = 0;
  for (const SafetyEntry& entry : entries) damage += entry.damage;
  for (const SafetyInput& weight : weights) bytes += static_cast<double>(weight.bytes);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    entries[i].damage_share = damage > 0 ? entries[i].damage / damage : 0;
    entries[i].bytes_share = bytes > 0 ? static_cast<double>(weights[i].bytes) / bytes : 0;
  }
}

}  // namespace

SafetyOrder safety_order(const std::vector<SafetyInput>& weights) {
  SafetyOrder order;
  double most = 0;
  for (const SafetyInput& weight : weights) {
    order.measured = order.measured || weight.sensitivity;
    most = std::max(most, weight.sensitivity.value_or(0));
  }
  if (!order.measured) most = 1;
  for (const SafetyInput& weight : weights)
    order.entries.push_back(entry_of(weight, weight.sensitivity.value_or(most)));
  if (weights.empty()) return order;
  add_shares(weights, order.entries);
  add_plan(weights, order.entries);
  std::stable_sort(order.entries.begin(), order.entries.end(), [](const auto& a, const auto& b) {
    return a.damage_per_byte.value_or(HUGE_VAL) < b.damage_per_byte.value_or(HUGE_VAL);
  });
  double before = 0;
  for (SafetyEntry& entry : order.entries) {
    entry.bytes_before = before;
    before += entry.bytes_share;
  }
  return order;
}

}  // namespace tt::pipeline
