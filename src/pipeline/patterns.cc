#include "pipeline/patterns.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <span>

#include "base/text.h"

namespace tt::pipeline {
namespace {

// Loadings below this part of the largest one are not named.
constexpr double kLeastLoading = 0.3;
constexpr std::size_t kNamed = 3;  // of one axis in a description

std::vector<Topic> topics_of(std::span<const double> direction, const std::string& axis,
                             const AxisLabels& labels) {
  std::vector<std::size_t> order(direction.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::size_t count = std::min(kTopics, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](std::size_t a, std::size_t b) {
                      const double x = std::abs(direction[a]), y = std::abs(direction[b]);
                      return x != y ? x > y : a < b;
                    });
  std::vector<Topic> topics;
  for (std::size_t i = 0; i < count; ++i) {
    const double loading = direction[order[i]];
    if (std::abs(loading) < kLeastLoading * std::abs(direction[order[0]])) break;
    topics.push_back({axis, order[i], labels.at(direction.size(), order[i]), loading});
  }
  return topics;
}

// 1 / sum v^4 of a unit vector: how many entries it is spread over.
double spread_of(std::span<const double> direction) {
  double fourth = 0;
  for (const double v : direction) fourth += v * v * v * v;
  return fourth > 0 ? 1 / fourth : 0;
}

// "~12 of 64 outputs, most +3 'cat' -7 'dog'"
std::string axis_text(std::span<const double> direction, const std::vector<Topic>& topics,
                      const std::string& noun) {
  char spread[32];
  std::snprintf(spread, sizeof spread, "%.0f", std::max(1.0, spread_of(direction)));
  std::string text =
      "~" + std::string(spread) + " of " + std::to_string(direction.size()) + " " + noun + ", most";
  for (std::size_t i = 0; i < std::min(kNamed, topics.size()); ++i)
    text += (topics[i].loading < 0 ? " -" : " +") + std::to_string(topics[i].index) +
            (topics[i].label.empty() ? "" : " " + base::quoted(topics[i].label));
  return text;
}

void append(std::vector<Topic>& all, std::vector<Topic> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

std::vector<DominantPattern> component_patterns(const tensor::Components& components, std::uint64_t outputs,
                                                std::uint64_t inputs, const AxisLabels& labels) {
  std::vector<DominantPattern> patterns;
  for (std::uint64_t i = 0; i < std::min(kComponents, components.count); ++i) {
    const std::span<const double> u(components.left.data() + i * outputs, outputs);
    const std::span<const double> v(components.right.data() + i * inputs, inputs);
    std::vector<Topic> topics = topics_of(u, "output", labels), in = topics_of(v, "input", labels);
    const std::string text = axis_text(v, in, "inputs") + " -> " + axis_text(u, topics, "outputs");
    append(topics, std::move(in));
    patterns.push_back(
        {i + 1, text, components.spectrum.energy[i] / components.spectrum.total, std::move(topics)});
  }
  return patterns;
}

std::vector<DominantPattern> mode_patterns(const std::vector<tensor::ModeProfile>& profiles,
                                           const std::vector<std::string>& mode_names,
                                           const AxisLabels& labels) {
  std::vector<DominantPattern> patterns;
  for (const tensor::ModeProfile& profile : profiles) {
    if (profile.direction.empty()) continue;
    const std::string& name = mode_names[profile.mode];
    std::vector<Topic> topics =
        topics_of(profile.direction, "mode " + std::to_string(profile.mode + 1), labels);
    patterns.push_back({kComponents + 1 + profile.mode,
                        "mode " + std::to_string(profile.mode + 1) + " (" + name +
                            "): " + axis_text(profile.direction, topics, "indices"),
                        profile.spectrum.energy[0] / profile.spectrum.total, std::move(topics)});
  }
  return patterns;
}

}  // namespace tt::pipeline
