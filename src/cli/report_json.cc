#include "cli/report_json.h"

#include "cli/encoding_json.h"
#include "cli/json_values.h"

namespace tt::cli {
namespace {

using base::Json;
using base::JsonArray;
using base::JsonObject;

Json certificate_json(const pipeline::WeightReport& weight,
                      std::optional<double> pipeline::Certificate::*field) {
  return weight.certificate && (*weight.certificate).*field ? Json(*((*weight.certificate).*field)) : Json();
}

Json certificate_json(const pipeline::WeightReport& weight,
                      std::optional<std::uint64_t> pipeline::Certificate::*field) {
  return weight.certificate && (*weight.certificate).*field ? Json(*((*weight.certificate).*field)) : Json();
}

// The certificate is null where the original is not at hand.
Json weight_json(const pipeline::WeightReport& weight) {
  return Json(
      JsonObject{{"name", Json(weight.name)},
                 {"shape", Json::of(weight.shape)},
                 {"dtype", Json(weight.dtype)},
                 {"role", Json(weight.role)},
                 {"encoding", encoding_json(weight.encoding)},
                 {"bytes_in", Json(weight.bytes_in)},
                 {"bytes_out", Json(weight.bytes_out)},
                 {"bits_per_weight", Json(weight.bits_per_weight)},
                 {"bound_bits", certificate_json(weight, &pipeline::Certificate::bound_bits)},
                 {"low_rank", certificate_json(weight, &pipeline::Certificate::low_rank)},
                 {"low_rank_bytes", certificate_json(weight, &pipeline::Certificate::low_rank_bytes)},
                 {"predicted_error", Json(weight.predicted_error)},
                 {"relative_error", Json(weight.relative_error)},
                 {"output_error", weight.certificate ? Json(weight.certificate->output_error) : Json()},
                 {"reason", text_or_null(weight.reason)}});
}

Json weights_json(const std::vector<pipeline::WeightReport>& weights) {
  JsonArray array;
  for (const pipeline::WeightReport& weight : weights) array.push_back(weight_json(weight));
  return Json(std::move(array));
}

Json stats_json(const pipeline::Stats& stats) {
  return Json(JsonObject{{"original_size", Json(stats.original_size)},
                         {"compressed_size", Json(stats.compressed_size)},
                         {"compressed_layers", Json(stats.compressed_layers)},
                         {"preserved_layers", Json(stats.preserved_layers)},
                         {"avg_reconstruction_error", Json(stats.avg_reconstruction_error)},
                         {"estimated_speedup", Json(stats.estimated_speedup)}});
}

Json file_json(const std::string& path, std::uint64_t bytes, const std::string& sha256) {
  return Json(
      JsonObject{{"path", text_or_null(path)}, {"bytes", Json(bytes)}, {"sha256", text_or_null(sha256)}});
}

Json sources_json(const std::vector<container::SourceEntry>& sources) {
  JsonArray array;
  for (const container::SourceEntry& source : sources)
    array.push_back(Json(JsonObject{{"location", text_or_null(source.location)},
                                    {"bytes", Json(source.bytes)},
                                    {"sha256", Json(base::hex(source.sha256))}}));
  return Json(std::move(array));
}

// What only a .tt file has.
Json container_json(const pipeline::InspectReport& report) {
  if (report.kind != "tt") return Json();
  return Json(JsonObject{{"format_version", Json(report.format_version)},
                         {"tool_version", Json(report.tool_version)},
                         {"source_format", Json(report.source_format)},
                         {"exact", Json(report.exact)},
                         {"seed", Json(report.seed)},
                         {"cpu", Json(report.cpu)},
                         {"options", report.options},
                         {"sources", sources_json(report.sources)},
                         {"header_bytes", Json(report.header_bytes)},
                         {"manifest_bytes", Json(report.manifest_bytes)}});
}

// Null without limits.
Json quality_json(const std::optional<pipeline::Quality>& quality) {
  if (!quality) return Json();
  JsonArray limits;
  for (const pipeline::KeptLimit& limit : quality->limits)
    limits.push_back(Json(JsonObject{{"name", Json(limit.name)},
                                     {"limit", Json(limit.limit)},
                                     {"value", Json(limit.value)},
                                     {"where", text_or_null(limit.where)}}));
  return Json(JsonObject{{"measured_on", Json(quality->measured_on)},
                         {"samples", Json(quality->samples)},
                         {"limits", Json(std::move(limits))}});
}

// Null without calibration and a budget.
Json choice_json(const std::optional<pipeline::PlanChoice>& choice) {
  if (!choice) return Json();
  return Json(JsonObject{{"alpha", Json(choice->alpha)},
                         {"measure", text_or_null(choice->measure)},
                         {"samples", Json(choice->samples)},
                         {"damage", choice->damage ? Json(*choice->damage) : Json()},
                         {"compensated", Json(static_cast<std::uint64_t>(choice->compensated))}});
}

// Null where generated samples were not asked for.
Json generated_json(const pipeline::CompressReport& report) {
  if (report.generated_samples == 0 && report.why_not_generated.empty()) return Json();
  return Json(JsonObject{{"samples", Json(report.generated_samples)},
                         {"why_not", text_or_null(report.why_not_generated)}});
}

Json folded_json(const model::FoldReport& folded) {
  JsonObject left;
  for (const auto& [reason, count] : folded.left) left.emplace_back(reason, Json(count));
  return Json(JsonObject{{"batch_normalizations", Json(folded.batch_normalizations)},
                         {"constant_nodes", Json(folded.constant_nodes)},
                         {"dropped_inputs", texts_json(folded.dropped_inputs)},
                         {"left", Json(std::move(left))}});
}

Json pair_json(std::uint64_t dense, std::uint64_t factored) {
  return Json(JsonObject{{"dense", Json(dense)}, {"factored", Json(factored)}});
}

Json factored_weight_json(const pipeline::FactoredWeight& weight) {
  return Json(
      JsonObject{{"name", Json(weight.name)},
                 {"encoding", encoding_json(weight.encoding)},
                 {"factored", Json(weight.factored)},
                 {"why", weight.factored ? Json() : Json(weight.why)},
                 {"node", weight.node.empty() ? Json() : Json(weight.node)},
                 {"op", weight.op.empty() ? Json() : Json(weight.op)},
                 {"rank", weight.rank == 0 ? Json() : Json(weight.rank)},
                 {"macs", weight.factored ? pair_json(weight.macs_dense, weight.macs_factored) : Json()},
                 {"bytes", weight.factored ? pair_json(weight.bytes_dense, weight.bytes_factored) : Json()}});
}

Json factored_json(const pipeline::DecompressReport& report) {
  if (report.form != "factored") return Json();
  const pipeline::FactoredReport& factored = report.factored;
  JsonArray weights;
  for (const pipeline::FactoredWeight& weight : factored.weights)
    weights.push_back(factored_weight_json(weight));
  return Json(JsonObject{{"count", Json(factored.factored)},
                         {"macs", pair_json(factored.macs_dense, factored.macs_factored)},
                         {"bytes", pair_json(factored.bytes_dense, factored.bytes_factored)},
                         {"weights", Json(std::move(weights))},
                         {"dropped_inputs", texts_json(factored.dropped_inputs)}});
}

Json quantised_weight_json(const pipeline::QuantisedWeight& weight) {
  const Json bytes(
      JsonObject{{"dense", Json(weight.bytes_dense)}, {"quantized", Json(weight.bytes_quantised)}});
  return Json(JsonObject{{"name", Json(weight.name)},
                         {"encoding", encoding_json(weight.encoding)},
                         {"quantized", Json(weight.quantised)},
                         {"why", weight.quantised ? Json() : Json(weight.why)},
                         {"op", weight.quantised ? Json(weight.op) : Json()},
                         {"bytes", weight.quantised ? bytes : Json()}});
}

Json quantised_json(const pipeline::DecompressReport& report) {
  if (report.form != "quantized") return Json();
  const pipeline::QuantisedReport& quantised = report.quantised;
  JsonArray weights;
  for (const pipeline::QuantisedWeight& weight : quantised.weights)
    weights.push_back(quantised_weight_json(weight));
  const Json bytes(
      JsonObject{{"dense", Json(quantised.bytes_dense)}, {"quantized", Json(quantised.bytes_quantised)}});
  return Json(JsonObject{{"count", Json(quantised.quantised)},
                         {"bytes", bytes},
                         {"weights", Json(std::move(weights))},
                         {"dropped_inputs", texts_json(quantised.dropped_inputs)}});
}

}  // namespace

Json compress_json(const pipeline::CompressReport& report) {
  return Json(JsonObject{{"input", file_json(report.input, report.bytes_in, report.input_sha256)},
                         {"output", file_json(report.output, report.bytes_out, report.output_sha256)},
                         {"ratio", Json(report.ratio)},
                         {"folded", folded_json(report.folded)},
                         {"budget_bytes", report.budget_bytes > 0 ? Json(report.budget_bytes) : Json()},
                         {"quality", quality_json(report.quality)},
                         {"calibrated", Json(report.calibrated)},
                         {"generated", generated_json(report)},
                         {"choice", choice_json(report.choice)},
                         {"seed", Json(report.seed)},
                         {"seconds", Json(report.seconds)},
                         {"peak_rss_bytes", Json(report.peak_rss_bytes)},
                         {"stats", stats_json(report.stats)},
                         {"weights", weights_json(report.weights)},
                         {"warnings", texts_json(report.warnings)}});
}

Json decompress_json(const pipeline::DecompressReport& report) {
  return Json(
      JsonObject{{"input", Json(JsonObject{{"path", Json(report.input)}, {"bytes", Json(report.bytes_in)}})},
                 {"output", file_json(report.output, report.bytes_out, report.output_sha256)},
                 {"files", texts_json(report.files)},
                 {"exact", Json(report.exact)},
                 {"form", Json(report.form)},
                 {"factored", factored_json(report)},
                 {"quantized", quantised_json(report)},
                 {"seconds", Json(report.seconds)},
                 {"peak_rss_bytes", Json(report.peak_rss_bytes)}});
}

Json inspect_json(const pipeline::InspectReport& report) {
  return Json(JsonObject{{"path", Json(report.path)},
                         {"kind", Json(report.kind)},
                         {"bytes", Json(report.bytes)},
                         {"bytes_in", Json(report.bytes_in)},
                         {"ratio", Json(report.ratio)},
                         {"skeleton_bytes", Json(report.skeleton_bytes)},
                         {"core_bytes", Json(report.core_bytes)},
                         {"container", container_json(report)},
                         {"stats", stats_json(report.stats)},
                         {"weights", weights_json(report.weights)},
                         {"notes", texts_json(report.notes)}});
}

}  // namespace tt::cli
