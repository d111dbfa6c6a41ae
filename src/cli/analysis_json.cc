#include <cmath>

#include "cli/analysis_report.h"
#include "cli/encoding_json.h"
#include "cli/json_values.h"
#include "cli/sweep_report.h"
#include "tensor/effective_rank.h"

namespace tt::cli {
namespace {

using base::Json;
using base::JsonArray;
using base::JsonObject;
using pipeline::AnalyzeReport;
using pipeline::WeightAnalysis;

template <typename T>
Json optional_json(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

template <typename Range, typename Function>
Json array_json(const Range& range, Function function) {
  JsonArray array;
  for (const auto& item : range) array.push_back(function(item));
  return Json(std::move(array));
}

Json statistics_json(const tensor::Statistics& s) {
  JsonArray outliers;
  for (std::size_t i = 0; i < s.outliers.size(); ++i)
    outliers.push_back(
        Json(JsonObject{{"sigmas", Json(tensor::kOutlierSigmas[i])}, {"share", Json(s.outliers[i])}}));
  return Json(JsonObject{{"mean", Json(s.mean)},
                         {"deviation", Json(s.deviation)},
                         {"norm", Json(s.norm)},
                         {"min", Json(s.min)},
                         {"max", Json(s.max)},
                         {"excess_kurtosis", Json(s.excess_kurtosis)},
                         {"zeros", Json(s.zeros)},
                         {"outliers", Json(std::move(outliers))},
                         {"largest", Json(s.largest)},
                         {"distinct", optional_json(s.distinct)},
                         {"not_finite", Json(s.not_finite)}});
}

// The largest values; what the others hold is one number.
Json spectrum_json(const tensor::Spectrum& spectrum) {
  JsonArray values;
  for (std::size_t i = 0; i < std::min(spectrum.energy.size(), kMaxSingularValues); ++i)
    values.emplace_back(std::sqrt(spectrum.energy[i]));
  const double beyond = spectrum.tail(values.size());
  return Json(JsonObject{{"singular_values", Json(std::move(values))},
                         {"beyond", Json(spectrum.total > 0 ? beyond / spectrum.total : 0)}});
}

Json ranks_json(const WeightAnalysis& weight) {
  if (weight.spectrum.energy.empty()) return {};
  JsonArray energy;
  for (std::size_t i = 0; i < weight.energy_ranks.size(); ++i)
    energy.push_back(Json(
        JsonObject{{"share", Json(pipeline::kEnergyShares[i])}, {"rank", Json(weight.energy_ranks[i])}}));
  return Json(JsonObject{{"stable", Json(weight.stable_rank)},
                         {"effective", Json(weight.effective_rank)},
                         {"energy", Json(std::move(energy))},
                         {"random", Json(weight.random)}});
}

Json mode_json(const WeightAnalysis& weight, const tensor::ModeProfile& profile) {
  return Json(JsonObject{{"mode", Json(profile.mode + 1)},
                         {"name", Json(weight.mode_names[profile.mode])},
                         {"size", Json(profile.size)},
                         {"variance_share", Json(profile.variance_share)},
                         {"mean_correlation", Json(profile.mean_correlation)},
                         {"largest_correlation", Json(profile.largest_correlation)},
                         {"slices", Json::of({profile.first, profile.second})},
                         {"effective_rank", Json(tensor::effective_rank(profile.spectrum))},
                         {"spectrum", spectrum_json(profile.spectrum)}});
}

Json topic_json(const pipeline::Topic& topic) {
  return Json(JsonObject{{"axis", Json(topic.axis)},
                         {"index", Json(topic.index)},
                         {"label", text_or_null(topic.label)},
                         {"loading", Json(topic.loading)}});
}

Json pattern_json(const pipeline::DominantPattern& pattern) {
  return Json(JsonObject{{"number", Json(pattern.number)},
                         {"description", Json(pattern.description)},
                         {"strength", Json(pattern.strength)},
                         {"affected_topics", array_json(pattern.affected_topics, topic_json)}});
}

Json cost_json(const pipeline::ErrorCost& cost, std::uint64_t elements) {
  return Json(JsonObject{
      {"error", Json(cost.error)},
      {"encoding", encoding_json(cost.encoding)},
      {"bytes", Json(cost.bytes)},
      {"bits_per_weight", Json(8 * static_cast<double>(cost.bytes) / static_cast<double>(elements))},
      {"bound_bits", optional_json(cost.bound_bits)},
      {"low_rank", optional_json(cost.low_rank)},
      {"low_rank_bytes", optional_json(cost.low_rank_bytes)}});
}

Json weight_json(const WeightAnalysis& weight) {
  return Json(JsonObject{
      {"name", Json(weight.name)},
      {"role", Json(weight.role)},
      {"dtype", Json(weight.dtype)},
      {"shape", Json::of(weight.shape)},
      {"nodes", texts_json(weight.nodes)},
      {"elements", Json(weight.elements)},
      {"bytes", Json(weight.bytes)},
      {"outputs", Json(weight.outputs)},
      {"inputs", Json(weight.inputs)},
      {"note", text_or_null(weight.note)},
      {"statistics", statistics_json(weight.statistics)},
      {"spectrum", spectrum_json(weight.spectrum)},
      {"ranks", ranks_json(weight)},
      {"modes", Json::of(weight.modes)},
      {"unfoldings",
       array_json(weight.profiles, [&](const auto& profile) { return mode_json(weight, profile); })},
      {"patterns", array_json(weight.patterns, pattern_json)},
      {"costs", array_json(weight.costs, [&](const auto& cost) { return cost_json(cost, weight.elements); })},
      {"metric", Json(weight.measured ? "inputs" : "identity")},
      {"input_size", weight.input_size > 0 ? Json(weight.input_size) : Json()},
      {"input_effective_rank", optional_json(weight.input_effective_rank)},
      {"sensitivity", optional_json(weight.sensitivity)}});
}

Json pair_json(const AnalyzeReport& report, const pipeline::SimilarPair& pair) {
  return Json(JsonObject{{"first", Json(report.weights[pair.first].name)},
                         {"second", Json(report.weights[pair.second].name)},
                         {"cosine", Json(pair.cosine)},
                         {"output_overlap", Json(pair.output_overlap)},
                         {"input_overlap", Json(pair.input_overlap)},
                         {"output_angle", Json(pair.output_angle)},
                         {"input_angle", Json(pair.input_angle)}});
}

Json entry_json(const AnalyzeReport& report, const pipeline::SafetyEntry& entry) {
  return Json(JsonObject{{"name", Json(report.weights[entry.weight].name)},
                         {"damage", Json(entry.damage)},
                         {"damage_share", Json(entry.damage_share)},
                         {"bytes_saved", Json(entry.bytes_saved)},
                         {"damage_per_byte", optional_json(entry.damage_per_byte)},
                         {"bytes_before", Json(entry.bytes_before)},
                         {"bytes_share", Json(entry.bytes_share)},
                         {"encoding", encoding_json(entry.encoding)},
                         {"encoded_bytes", Json(entry.encoded_bytes)},
                         {"encoded_error", Json(entry.encoded_error)}});
}

Json order_json(const AnalyzeReport& report) {
  return Json(JsonObject{{"reference_bits", Json(pipeline::kReferenceBits)},
                         {"measured", Json(report.order.measured)},
                         {"measure", text_or_null(report.measure)},
                         {"weights", array_json(report.order.entries, [&](const auto& entry) {
                            return entry_json(report, entry);
                          })}});
}

Json advice_json(const AnalyzeReport& report, const pipeline::Advice& advice) {
  JsonArray names;
  for (const std::size_t weight : advice.weights) names.emplace_back(report.weights[weight].name);
  return Json(JsonObject{
      {"kind", Json(advice.kind)}, {"text", Json(advice.text)}, {"weights", Json(std::move(names))}});
}

// Null if nothing was to be generated.
Json generated_json(const AnalyzeReport& report) {
  if (report.generated_samples == 0 && report.why_not_generated.empty()) return {};
  return Json(JsonObject{{"samples", Json(report.generated_samples)},
                         {"why_not", text_or_null(report.why_not_generated)}});
}

}  // namespace

Json analysis_json(const AnalyzeReport& report, const std::optional<pipeline::SweepReport>& swept,
                   std::uint64_t top) {
  std::vector<pipeline::SimilarPair> similar = report.similar;
  if (top > 0 && similar.size() > top) similar.resize(top);
  return Json(JsonObject{
      {"model", Json(JsonObject{{"path", Json(report.path)},
                                {"kind", Json(report.kind)},
                                {"bytes", Json(report.bytes)},
                                {"sha256", Json(report.sha256)}})},
      {"calibrated", Json(report.calibrated)},
      {"generated", generated_json(report)},
      {"weights", array_json(report.weights, weight_json)},
      {"left_out", Json(report.left_out)},
      {"similar", array_json(similar, [&](const auto& pair) { return pair_json(report, pair); })},
      {"order", order_json(report)},
      {"advice", array_json(report.advice, [&](const auto& advice) { return advice_json(report, advice); })},
      {"sweep", swept ? sweep_json(*swept) : Json()},
      {"warnings", texts_json(report.warnings)},
      {"seconds", Json(report.seconds)},
      {"peak_rss_bytes", Json(report.peak_rss_bytes)}});
}

}  // namespace tt::cli
