#include "cli/merge_report.h"

#include <fmt/format.h>

#include "base/text.h"
#include "cli/report_json.h"
#include "cli/report_text.h"
#include "cli/text_table.h"

namespace tt::cli {
namespace {

using base::Json;
using base::JsonArray;
using base::JsonObject;

}  // namespace

Json merge_json(const pipeline::MergeReport& report) {
  JsonArray inputs, equal;
  for (const pipeline::MergedInput& input : report.inputs)
    inputs.push_back(Json(JsonObject{{"path", Json(input.path)},
                                     {"kind", Json(input.kind)},
                                     {"bytes", Json(input.bytes)},
                                     {"sha256", Json(input.sha256)},
                                     {"share", Json(input.share)}}));
  for (const std::string& name : report.equal) equal.emplace_back(name);
  return Json(JsonObject{{"inputs", Json(std::move(inputs))},
                         {"averaged", Json(report.averaged)},
                         {"equal", Json(std::move(equal))},
                         {"compressed", compress_json(report.compressed)}});
}

std::string merge_text(const pipeline::MergeReport& report, bool verbose) {
  std::vector<std::vector<std::string>> rows;
  for (const pipeline::MergedInput& input : report.inputs)
    rows.push_back({base::printable(input.path), input.kind, std::to_string(input.bytes),
                    fmt::format("{:.2f}", 100 * input.share)});
  std::string text = table_text({{"model"}, {"kind"}, {"bytes", true}, {"share %", true}}, rows);
  text += fmt::format("\n{} tensors averaged, {} the same in all\n", report.averaged, report.equal.size());
  if (verbose)
    for (const std::string& name : report.equal) text += "the same: " + base::printable(name) + "\n";
  pipeline::CompressReport compressed = report.compressed;
  compressed.input = "the average";
  return text + compress_text(compressed, verbose);
}

}  // namespace tt::cli
