#include "pipeline/advice.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>

#include "base/text.h"

namespace tt::pipeline {
namespace {

constexpr double kSafeDamage = 0.1;   // of all damage, that what is compressed first may do together
constexpr double kFirstBytes = 0.5;   // what comes first ends where it has so many
constexpr double kCostly = 3;         // share of the damage / share of the bytes of what is kept exact
constexpr double kLeastCostly = 0.1;  // share of the damage of one of them
constexpr double kUsefulRank = 0.5;   // of the smaller side
constexpr std::uint64_t kFewValues = 16, kTimesEach = 16;  // values, and how often each must occur on average
constexpr double kSparse = 0.5, kOutlier = 20, kAlike = 0.95;
constexpr std::size_t kNamed = 3;

std::string format(const char* pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

std::string percent(double share) {
  return format(share < 0.0995 && share > 0 ? "%.2g %%" : "%.0f %%", 100 * share);
}

// "'a', 'b', 'c' and 4 more"
std::string names_of(const std::vector<WeightAnalysis>& weights, const std::vector<std::size_t>& which) {
  std::string text;
  for (std::size_t i = 0; i < std::min(kNamed, which.size()); ++i)
    text += (i > 0 ? ", " : "") + base::quoted(weights[which[i]].name);
  if (which.size() > kNamed) text += " and " + std::to_string(which.size() - kNamed) + " more";
  return text;
}

class Adviser {
 public:
  Adviser(const std::vector<WeightAnalysis>& weights, const SafetyOrder& order)
      : weights_(weights), order_(order) {}

  void add(std::string kind, std::vector<std::size_t> which, const std::string& before,
           const std::string& after) {
    if (which.empty()) return;
    advice_.push_back({std::move(kind), before + names_of(weights_, which) + after, std::move(which)});
  }

  void compress_first() {
    std::vector<std::size_t> first;
    double damage = 0, bytes = 0;
    for (const SafetyEntry& entry : order_.entries) {
      if (bytes >= kFirstBytes || damage + entry.damage_share > kSafeDamage || !entry.damage_per_byte) break;
      damage += entry.damage_share;
      bytes += entry.bytes_share;
      first.push_back(entry.weight);
    }
    add("compress_first", first, "compress ",
        " first: " + percent(bytes) + " of the bytes for " + percent(damage) + " of the predicted damage");
  }

  void keep_exact() {
    std::vector<std::size_t> costly;
    double damage = 0, bytes = 0;
    for (std::size_t i = order_.entries.size(); i-- > 0;) {
      const SafetyEntry& entry = order_.entries[i];
      if (entry.damage_share < kLeastCostly || entry.damage_share < kCostly * entry.bytes_share) continue;
      damage += entry.damage_share;
      bytes += entry.bytes_share;
      costly.push_back(entry.weight);
    }
    add("keep_exact", costly, "keep ",
        " exact or nearly so: " + percent(damage) + " of the predicted damage for " + percent(bytes) +
            " of the bytes");
  }

  // At the middle one of the errors asked for; lowest rank for its size first.
  void low_rank() {
    std::vector<std::pair<double, std::size_t>> found;
    for (std::size_t w = 0; w < weights_.size(); ++w)
      if (const double part = rank_part(weights_[w]); part > 0 && part <= kUsefulRank)
        found.push_back({part, w});
    std::stable_sort(found.begin(), found.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    if (found.empty()) return;
    std::vector<std::size_t> which;
    for (const auto& [part, w] : found) which.push_back(w);
    const WeightAnalysis& best = weights_[which[0]];
    const ErrorCost& cost = middle(best);
    add("low_rank", which, "low rank pays for ",
        ": " + base::quoted(best.name) + " needs rank " + std::to_string(cost.encoding.rank) + " of " +
            std::to_string(std::min(best.outputs, best.inputs)) + " at error " + format("%g", cost.error) +
            ", " +
            format("%.2g bits a weight",
                   8 * static_cast<double>(cost.bytes) / static_cast<double>(best.elements)));
  }

  using Test = std::function<bool(const WeightAnalysis&)>;
  // Of layers: what masks and biases look like decides nothing.
  std::vector<std::size_t> layers_that(const Test& test) const {
    std::vector<std::size_t> which;
    for (const SafetyEntry& entry : order_.entries)
      if (test(weights_[entry.weight])) which.push_back(entry.weight);
    std::sort(which.begin(), which.end());
    return which;
  }
  std::vector<std::size_t> all_that(const Test& test) const {
    std::vector<std::size_t> which;
    for (std::size_t w = 0; w < weights_.size(); ++w)
      if (test(weights_[w])) which.push_back(w);
    return which;
  }

  void by_statistics() {
    add("no_low_rank", layers_that([](const auto& w) { return w.random; }), "no component stands out in ",
        ": a low rank gains nothing there, only fewer bits do");
    const auto few = layers_that([](const auto& w) {
      const std::uint64_t values = w.statistics.distinct.value_or(UINT64_MAX);
      return values > 1 && values <= kFewValues && w.elements >= kTimesEach * values;
    });
    if (!few.empty())
      add("few_values", few, "few different values in ",
          ": " + base::quoted(weights_[few[0]].name) + " has " +
              std::to_string(*weights_[few[0]].statistics.distinct) + ", lossless codes of them are small");
    const auto sparse = layers_that([](const auto& w) { return w.statistics.zeros >= kSparse; });
    if (!sparse.empty())
      add("sparse", sparse, "mostly zeros in ",
          ": " + percent(weights_[sparse[0]].statistics.zeros) + " of " +
              base::quoted(weights_[sparse[0]].name));
    const auto wide = layers_that([](const auto& w) { return w.statistics.largest >= kOutlier; });
    if (!wide.empty())
      add("outliers", wide, "outliers in ",
          ": the largest of " + base::quoted(weights_[wide[0]].name) + " is " +
              format("%.0f", weights_[wide[0]].statistics.largest) +
              " deviations from the mean, scales that a group shares would be wasted on it");
    add("not_finite", all_that([](const auto& w) { return !w.note.empty(); }), "repair ",
        ": values that are not finite or beyond float32 are kept bit for bit");
  }

  void alike(const std::vector<SimilarPair>& similar) {
    const auto best = std::max_element(similar.begin(), similar.end(), [](const auto& a, const auto& b) {
      return std::abs(a.cosine) < std::abs(b.cosine);
    });
    if (best == similar.end() || std::abs(best->cosine) < kAlike) return;
    add("alike", {best->first, best->second},
        "nearly the same weights: ", ", cosine " + format("%.3f", best->cosine));
  }

  std::vector<Advice> take() { return std::move(advice_); }

 private:
  static const ErrorCost& middle(const WeightAnalysis& weight) {
    return weight.costs[weight.costs.size() / 2];
  }

  static double rank_part(const WeightAnalysis& weight) {
    if (weight.costs.empty() || middle(weight).encoding.format != codec::Format::lowrank) return 0;
    return static_cast<double>(middle(weight).encoding.rank) /
           static_cast<double>(std::min(weight.outputs, weight.inputs));
  }

  const std::vector<WeightAnalysis>& weights_;
  const SafetyOrder& order_;
  std::vector<Advice> advice_;
};

}  // namespace

std::vector<Advice> advice_for(const std::vector<WeightAnalysis>& weights, const SafetyOrder& order,
                               const std::vector<SimilarPair>& similar) {
  Adviser adviser(weights, order);
  adviser.compress_first();
  adviser.keep_exact();
  adviser.low_rank();
  adviser.by_statistics();
  adviser.alike(similar);
  return adviser.take();
}

}  // namespace tt::pipeline
