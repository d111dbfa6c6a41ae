#include "cli/edit_report.h"

#include <fmt/format.h>

#include "base/text.h"
#include "cli/encoding_json.h"
#include "cli/text_table.h"

namespace tt::cli {
namespace {

using base::Json;
using base::JsonArray;
using base::JsonObject;
using pipeline::EditedReport;
using pipeline::Effect;

constexpr std::size_t kNameWidth = 50;

std::string ratio_text(double part, double whole) {
  return whole > 0 ? fmt::format("{:.2f}", 100 * part / whole) : "-";
}

std::string weight_table(const std::vector<EditedReport>& weights) {
  std::vector<std::vector<std::string>> rows;
  for (const EditedReport& weight : weights)
    rows.push_back({base::printable(weight.name, kNameWidth), weight.role, codec::spec_of(weight.encoding),
                    std::to_string(weight.directions), std::to_string(weight.bytes_before),
                    std::to_string(weight.bytes_after),
                    ratio_text(weight.response_after, weight.response_before),
                    fmt::format("{:.2f}", 100 * weight.change),
                    weight.output_change ? fmt::format("{:.2f}", 100 * *weight.output_change) : "-"});
  return table_text({{"weight"},
                     {"role"},
                     {"encoding"},
                     {"directions", true},
                     {"bytes", true},
                     {"after", true},
                     {"response left %", true},
                     {"change %", true},
                     {"output kept within %", true}},
                    rows);
}

std::string effect_text(const std::string& what, const std::optional<Effect>& effect) {
  if (!effect) return "";
  std::string text = fmt::format("{}: {} samples, relative error of the outputs {:.4g}", what,
                                 effect->samples, effect->relative_error);
  if (effect->top1_agreement) text += fmt::format(", same answer {:.2f} %", 100 * *effect->top1_agreement);
  if (effect->mean_kl) text += fmt::format(", KL {:.4g}", *effect->mean_kl);
  return text + (effect->finite ? "\n" : ", NOT FINITE\n");
}

Json optional_json(const std::optional<double>& value) {
  return value ? Json(*value) : Json();
}

Json effect_json(const std::optional<Effect>& effect) {
  if (!effect) return Json();
  JsonArray outputs;
  for (const runtime::OutputMetrics& output : effect->outputs)
    outputs.push_back(Json(JsonObject{{"name", Json(output.name)},
                                      {"relative_error", Json(output.relative_error)},
                                      {"max_abs_error", Json(output.max_abs_error)},
                                      {"cosine_mean", Json(output.cosine_mean)}}));
  return Json(JsonObject{{"samples", Json(effect->samples)},
                         {"relative_error", Json(effect->relative_error)},
                         {"top1_agreement", optional_json(effect->top1_agreement)},
                         {"mean_kl", optional_json(effect->mean_kl)},
                         {"finite", Json(effect->finite)},
                         {"outputs", Json(std::move(outputs))}});
}

Json output_json(const pipeline::EditReport& report) {
  if (!report.failure.empty()) return Json();
  return Json(JsonObject{{"path", Json(report.output)},
                         {"bytes", Json(report.bytes_out)},
                         {"sha256", Json(report.output_sha256)}});
}

Json weight_json(const EditedReport& weight) {
  return Json(JsonObject{{"name", Json(weight.name)},
                         {"role", Json(weight.role)},
                         {"encoding", encoding_json(weight.encoding)},
                         {"directions", Json(weight.directions)},
                         {"bytes_before", Json(weight.bytes_before)},
                         {"bytes_after", Json(weight.bytes_after)},
                         {"response_before", Json(weight.response_before)},
                         {"response_after", Json(weight.response_after)},
                         {"change", Json(weight.change)},
                         {"output_change", optional_json(weight.output_change)}});
}

}  // namespace

std::string edit_text(const pipeline::EditReport& report) {
  std::string text = report.weights.empty() ? "" : weight_table(report.weights) + "\n";
  text += effect_text("target", report.target) + effect_text("collateral", report.collateral);
  if (!report.failure.empty()) return text + "no file was written\n";
  text += fmt::format("{} ({}), {:.2f} s\n",
                      report.output == "-" ? "standard output" : base::printable(report.output),
                      base::format_bytes(report.bytes_out), report.seconds);
  if (!report.undo_file.empty()) text += "undo with: " + base::printable(report.undo_file) + "\n";
  return text;
}

Json edit_json(const pipeline::EditReport& report) {
  JsonArray weights, warnings;
  for (const EditedReport& weight : report.weights) weights.push_back(weight_json(weight));
  for (const std::string& warning : report.warnings) warnings.emplace_back(warning);
  return Json(
      JsonObject{{"action", Json(report.action)},
                 {"passed", Json(report.failure.empty())},
                 {"input", Json(JsonObject{{"path", Json(report.input)}, {"bytes", Json(report.bytes_in)}})},
                 {"output", output_json(report)},
                 {"undo_file", report.undo_file.empty() ? Json() : Json(report.undo_file)},
                 {"weights", Json(std::move(weights))},
                 {"target", effect_json(report.target)},
                 {"collateral", effect_json(report.collateral)},
                 {"warnings", Json(std::move(warnings))},
                 {"seconds", Json(report.seconds)},
                 {"peak_rss_bytes", Json(report.peak_rss_bytes)}});
}

}  // namespace tt::cli
