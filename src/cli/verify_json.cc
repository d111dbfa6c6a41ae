#include "cli/json_values.h"
#include "cli/verify_report.h"

namespace tt::cli {
namespace {

using base::Json;
using base::JsonArray;
using base::JsonObject;
using pipeline::VerifyReport;

Json gates_json(const std::vector<pipeline::Gate>& gates) {
  JsonArray array;
  for (const pipeline::Gate& gate : gates)
    array.push_back(Json(JsonObject{{"name", Json(gate.name)},
                                    {"limit", Json(gate.limit)},
                                    {"value", Json(gate.value)},
                                    {"passed", Json(gate.passed)},
                                    {"reason", text_or_null(gate.why)}}));
  return Json(std::move(array));
}

Json outputs_json(const std::vector<runtime::OutputMetrics>& outputs) {
  JsonArray array;
  for (const runtime::OutputMetrics& output : outputs)
    array.push_back(Json(JsonObject{{"name", Json(output.name)},
                                    {"mse", Json(output.mse)},
                                    {"mae", Json(output.mae)},
                                    {"max_abs_error", Json(output.max_abs_error)},
                                    {"relative_error", Json(output.relative_error)},
                                    {"pearson", Json(output.pearson)},
                                    {"cosine_mean", Json(output.cosine_mean)},
                                    {"cosine_min", Json(output.cosine_min)},
                                    {"values", Json(output.values)},
                                    {"non_finite", Json(output.non_finite)}}));
  return Json(std::move(array));
}

Json kl_json(const runtime::KlMetrics& kl) {
  return Json(JsonObject{{"mean", Json(kl.mean)},
                         {"median", Json(kl.median)},
                         {"p90", Json(kl.p90)},
                         {"p99", Json(kl.p99)},
                         {"se", Json(kl.se)}});
}

Json accuracy_json(const runtime::AccuracyMetrics& accuracy, double confidence) {
  return Json(JsonObject{{"original", Json(accuracy.original)},
                         {"candidate", Json(accuracy.candidate)},
                         {"drop", Json(accuracy.drop)},
                         {"ci95", Json(JsonArray{Json(accuracy.ci95_low), Json(accuracy.ci95_high)})},
                         {"confidence", Json(confidence)},
                         {"p_value", Json(accuracy.p_value)},
                         {"labels", Json(accuracy.labels)},
                         {"only_original", Json(accuracy.only_original)},
                         {"only_candidate", Json(accuracy.only_candidate)}});
}

// The keys are always there: null where nothing was measured.
void add_predictions(const VerifyReport& report, JsonObject& object) {
  const auto& found = report.judgement.predictions;
  object.emplace_back("kl", found ? kl_json(found->kl) : Json());
  object.emplace_back("top1_agreement", found ? Json(found->top1_agreement) : Json());
  object.emplace_back("top5_agreement", found ? Json(found->top5_agreement) : Json());
  object.emplace_back("accuracy",
                      found && found->accuracy ? accuracy_json(*found->accuracy, report.confidence) : Json());
  object.emplace_back("perplexity", found && found->perplexity
                                        ? Json(JsonObject{{"original", Json(found->perplexity->original)},
                                                          {"candidate", Json(found->perplexity->candidate)}})
                                        : Json());
  object.emplace_back(
      "predictions",
      found ? Json(JsonObject{{"rows", Json(found->rows)}, {"non_finite_rows", Json(found->non_finite_rows)}})
            : Json());
}

Json label_error_json(const runtime::Judgement& judgement) {
  if (!judgement.label_error_original || !judgement.label_error_candidate) return Json();
  return Json(JsonObject{{"original", Json(*judgement.label_error_original)},
                         {"candidate", Json(*judgement.label_error_candidate)}});
}

Json latency_json(const VerifyReport& report) {
  if (!report.latency_original || !report.latency_candidate) return Json();
  const runtime::Latency &original = *report.latency_original, &candidate = *report.latency_candidate;
  const auto quartiles = [](const runtime::Latency& latency) {
    return Json(JsonArray{Json(latency.low_ms), Json(latency.high_ms)});
  };
  return Json(JsonObject{{"original_ms", Json(original.median_ms)},
                         {"candidate_ms", Json(candidate.median_ms)},
                         {"original_quartiles_ms", quartiles(original)},
                         {"candidate_quartiles_ms", quartiles(candidate)},
                         {"runs", Json(original.runs)}});
}

Json macs_json(const VerifyReport& report) {
  if (!report.macs_original || !report.macs_candidate) return Json();
  return Json(
      JsonObject{{"original", Json(*report.macs_original)}, {"candidate", Json(*report.macs_candidate)}});
}

Json layers_json(const pipeline::LayerQualities& found) {
  const auto number_or_null = [](const std::optional<double>& value) {
    return value ? Json(*value) : Json();
  };
  JsonArray array;
  for (const pipeline::LayerQuality& layer : found.layers)
    array.push_back(Json(JsonObject{{"name", Json(layer.name)},
                                    {"role", Json(layer.role)},
                                    {"node", Json(layer.node)},
                                    {"op", Json(layer.op)},
                                    {"output", Json(layer.output)},
                                    {"activation_quality", Json(layer.activation_quality)},
                                    {"cosine_min", Json(layer.cosine_min)},
                                    {"relative_error", Json(layer.relative_error)},
                                    {"input_error", number_or_null(layer.input_error)},
                                    {"added_error", number_or_null(layer.added_error())}}));
  return Json(std::move(array));
}

Json eval_json(const std::optional<pipeline::EvalResult>& eval) {
  if (!eval) return Json();
  return Json(JsonObject{
      {"original", Json(eval->original)}, {"candidate", Json(eval->candidate)}, {"drop", Json(eval->drop)}});
}

Json file_json(const std::string& path, std::uint64_t bytes) {
  return Json(JsonObject{{"path", Json(path)}, {"bytes", Json(bytes)}});
}

}  // namespace

Json verify_json(const VerifyReport& report) {
  JsonObject object = {{"passed", Json(report.passed)},
                       {"gates", gates_json(report.gates)},
                       {"original", file_json(report.original, report.bytes_original)},
                       {"candidate", file_json(report.candidate, report.bytes_candidate)},
                       {"task", text_or_null(report.task)},
                       {"task_reason", text_or_null(report.task_reason)},
                       {"samples", Json(report.judgement.samples)},
                       {"finite", Json(report.judgement.finite)},
                       {"outputs", outputs_json(report.judgement.outputs)}};
  add_predictions(report, object);
  object.emplace_back("label_error", label_error_json(report.judgement));
  object.emplace_back("latency", latency_json(report));
  object.emplace_back("macs", macs_json(report));
  object.emplace_back("layers", report.layers ? layers_json(*report.layers) : Json());
  object.emplace_back("layers_unseen", report.layers ? Json(report.layers->unseen) : Json());
  object.emplace_back("eval", eval_json(report.eval));
  object.emplace_back("notes", texts_json(report.judgement.notes));
  object.emplace_back("warnings", texts_json(report.warnings));
  object.emplace_back("seconds", Json(report.seconds));
  object.emplace_back("peak_rss_bytes", Json(report.peak_rss_bytes));
  return Json(std::move(object));
}

Json integrity_json(const pipeline::IntegrityReport& report) {
  return Json(JsonObject{{"passed", Json(true)},
                         {"path", Json(report.path)},
                         {"kind", Json(report.kind)},
                         {"bytes", Json(report.bytes)},
                         {"checked_bytes", Json(report.checked_bytes)},
                         {"weights", Json(report.weights)},
                         {"exact", Json(report.exact)},
                         {"seconds", Json(report.seconds)}});
}

Json pair_json(const pipeline::PairReport& report) {
  JsonArray sources;
  for (const pipeline::PairedSource& source : report.sources)
    sources.push_back(Json(JsonObject{{"location", text_or_null(source.location)},
                                      {"bytes", Json(source.bytes)},
                                      {"sha256", Json(source.sha256)}}));
  const Json rollback(JsonObject{{"path", Json(report.rollback)}, {"bytes", Json(report.bytes_rollback)}});
  return Json(JsonObject{{"passed", Json(report.failure.empty())},
                         {"path", Json(report.path)},
                         {"bytes", Json(report.bytes)},
                         {"weights", Json(report.weights)},
                         {"edits", Json(report.edits)},
                         {"rollback", rollback},
                         {"sources", Json(std::move(sources))},
                         {"reason", text_or_null(report.failure)},
                         {"seconds", Json(report.seconds)}});
}

}  // namespace tt::cli
