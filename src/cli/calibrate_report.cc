#include "cli/calibrate_report.h"

#include <fmt/format.h>

#include "base/text.h"
#include "cli/json_values.h"
#include "cli/text_table.h"
#include "runtime/calibration.h"

namespace tt::cli {
namespace {

using base::Json;
using base::JsonArray;
using base::JsonObject;
using runtime::CalibrationInfo;
using runtime::InputInfo;
using runtime::WeightInfo;

constexpr std::size_t kNameWidth = 50;

std::string rank_text(const InputInfo& input) {
  return input.effective_rank > 0 ? fmt::format("{:.1f}", input.effective_rank) : "-";
}

std::string input_table(const CalibrationInfo& info) {
  std::vector<std::vector<std::string>> rows;
  for (const InputInfo& input : info.inputs)
    rows.push_back({base::printable(input.value, kNameWidth), base::printable(input.layer, kNameWidth),
                    std::string(runtime::input_kind_name(input.kind)), std::to_string(input.size),
                    std::to_string(input.rows), rank_text(input)});
  return table_text({{"input"}, {"layer"}, {"kind"}, {"size", true}, {"rows", true}, {"effective rank", true}},
                    rows);
}

std::string weight_table(const CalibrationInfo& info) {
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < info.weights.size(); ++i) {
    const WeightInfo& weight = info.weights[i];
    if (weight.inputs.empty() && weight.note.empty()) continue;
    const std::optional<double> sensitivity = runtime::sensitivity_of(info, i);
    rows.push_back({base::printable(weight.name, kNameWidth), weight.role, tensor::shape_text(weight.shape),
                    weight.inputs.empty() ? "C = I" : base::printable(info.inputs[weight.inputs[0]].value, kNameWidth),
                    sensitivity ? fmt::format("{:.3e}", *sensitivity) : "-"});
  }
  return table_text({{"weight"}, {"role"}, {"shape", true}, {"input"}, {"sensitivity", true}}, rows);
}

std::string samples_text(const CalibrationInfo& info) {
  std::string text = fmt::format("{} samples, {} inputs of layers, {} held-out samples kept", info.samples,
                                 info.inputs.size(), info.held_out.size());
  if (!info.probes.empty()) text += fmt::format(", sensitivities by {}", info.probes[0].measure);
  return text + (info.part ? ", unfinished\n" : "\n");
}

Json inputs_json(const CalibrationInfo& info) {
  JsonArray array;
  for (const InputInfo& input : info.inputs)
    array.push_back(
        Json(JsonObject{{"value", Json(input.value)},
                        {"layer", Json(input.layer)},
                        {"kind", Json(runtime::input_kind_name(input.kind))},
                        {"size", Json(input.size)},
                        {"rows", Json(input.rows)},
                        {"effective_rank", input.effective_rank > 0 ? Json(input.effective_rank) : Json()}}));
  return Json(std::move(array));
}

Json weights_json(const CalibrationInfo& info) {
  JsonArray array;
  for (std::size_t i = 0; i < info.weights.size(); ++i) {
    const WeightInfo& weight = info.weights[i];
    const std::optional<double> sensitivity = runtime::sensitivity_of(info, i);
    array.push_back(Json(JsonObject{{"name", Json(weight.name)},
                                    {"role", Json(weight.role)},
                                    {"shape", Json::of(weight.shape)},
                                    {"inputs", Json::of(weight.inputs)},
                                    {"sensitivity", sensitivity ? Json(*sensitivity) : Json()},
                                    {"note", text_or_null(weight.note)}}));
  }
  return Json(std::move(array));
}

JsonObject info_json(const CalibrationInfo& info, const std::vector<std::string>& warnings) {
  JsonArray texts;
  for (const std::string& warning : warnings) texts.emplace_back(warning);
  return {{"model_sha256", Json(base::hex(info.model))},
          {"tool_version", Json(info.tool_version)},
          {"finished", Json(!info.part.has_value())},
          {"samples", Json(info.samples)},
          {"held_out", Json(std::uint64_t{info.held_out.size()})},
          {"measure", info.probes.empty() ? Json() : Json(info.probes[0].measure)},
          {"seed", Json(info.seed)},
          {"mask_input", text_or_null(info.mask_input)},
          {"inputs", inputs_json(info)},
          {"weights", weights_json(info)},
          {"warnings", Json(std::move(texts))}};
}

}  // namespace

std::string calibrate_text(const pipeline::CalibrateReport& report, bool verbose) {
  const std::string path = report.output == "-" ? "standard output" : base::printable(report.output);
  return (verbose ? input_table(report.info) + "\n" + weight_table(report.info) + "\n" : "") +
         samples_text(report.info) +
         fmt::format("{} ({}), {:.2f} s, peak memory {}\n", path, base::format_bytes(report.bytes_out),
                     report.seconds, base::format_bytes(report.peak_rss_bytes));
}

Json calibrate_json(const pipeline::CalibrateReport& report) {
  JsonObject object = {{"output", Json(JsonObject{{"path", Json(report.output)},
                                                  {"bytes", Json(report.bytes_out)},
                                                  {"sha256", Json(report.output_sha256)}})},
                       {"seconds", Json(report.seconds)},
                       {"peak_rss_bytes", Json(report.peak_rss_bytes)}};
  const JsonObject info = info_json(report.info, report.warnings);
  object.insert(object.end(), info.begin(), info.end());
  return Json(std::move(object));
}

std::string inspect_calibration_text(const pipeline::InspectReport& report, bool verbose) {
  const CalibrationInfo& info = *report.calibration;
  std::string text = input_table(info) + "\n" + weight_table(info) + "\n";
  for (const std::string& note : report.notes) text += "note: " + base::printable(note) + "\n";
  text += fmt::format("{}: ttcal, {} ({} bytes), {}",
                      report.path == "-" ? "standard input" : base::printable(report.path),
                      base::format_bytes(report.bytes), report.bytes, samples_text(info));
  if (!verbose) return text;
  return text + fmt::format("model sha256 {}, written by tt {}, seed {}\n", base::hex(info.model),
                            base::printable(info.tool_version), info.seed);
}

Json inspect_calibration_json(const pipeline::InspectReport& report) {
  JsonObject object = {{"path", Json(report.path)}, {"kind", Json(report.kind)}, {"bytes", Json(report.bytes)}};
  const JsonObject info = info_json(*report.calibration, report.notes);
  object.insert(object.end(), info.begin(), info.end());
  return Json(std::move(object));
}

}  // namespace tt::cli
