#include "cli/sweep_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "cli/text_table.h"
#include "pipeline/sweep_checkpoint.h"

namespace tt::cli {
namespace {

using base::Json;
using base::JsonArray;
using base::JsonObject;
using pipeline::Figure;
using pipeline::figure_of;
using pipeline::SweepPoint;
using pipeline::SweepReport;

// In the order in which they come.
std::vector<std::string> figure_names(const SweepReport& report) {
  std::vector<std::string> names;
  for (const SweepPoint& point : report.points)
    for (const Figure& found : point.figures)
      if (std::find(names.begin(), names.end(), found.name) == names.end()) names.push_back(found.name);
  return names;
}

std::string quoted_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string field = "\"";
  for (const char c : text) field += c == '"' ? std::string("\"\"") : std::string(1, c);
  return field + "\"";
}

std::string number_field(std::optional<double> value) {
  return value && std::isfinite(*value) ? Json(*value).dump() : "";
}

std::string csv_line(const SweepPoint& point, const std::vector<std::string>& names) {
  const bool known = point.bytes != 0;
  std::string line = quoted_field(point.setting.id()) + "," + point.setting.family + "," +
                     number_field(point.setting.ratio) + "," +
                     (point.setting.rank ? std::to_string(*point.setting.rank) : "") + "," +
                     (known ? std::to_string(point.bytes) : "");
  line += "," + (known ? number_field(point.ratio) + "," + number_field(1 / point.ratio) + "," +
                             number_field(point.damage)
                       : std::string(",,"));
  for (const std::string& name : names) line += "," + number_field(figure_of(point.figures, name));
  line += "," + (known ? std::to_string(int{point.dominated}) : "") + "," + quoted_field(point.dominated_by) +
          "," + quoted_field(point.why_not);
  return line + "\r\n";
}

std::string short_number(std::optional<double> value) {
  if (!value) return "";
  return std::isfinite(*value) ? fmt::format("{:.4g}", *value) : "NaN";
}

std::vector<std::string> text_row(const SweepPoint& point) {
  const pipeline::SweepSetting& setting = point.setting;
  const std::string set =
      setting.rank ? fmt::format("rank {}", *setting.rank) : fmt::format("{:g}", *setting.ratio);
  if (point.bytes == 0) return {setting.family, set, "out of reach"};
  const std::optional<double> accuracy = figure_of(point.figures, "accuracy");
  return {setting.family,
          set,
          base::format_bytes(point.bytes),
          fmt::format("{:.1f}", 1 / point.ratio),
          accuracy ? fmt::format("{:.2f}", 100 * *accuracy) : "",
          short_number(point.damage),
          short_number(figure_of(point.figures, "relative_error")),
          short_number(figure_of(point.figures, "latency_ms")),
          point.dominated ? point.dominated_by : "on the front"};
}

// Columns in which no row has anything are left out.
std::string table_without_empty(std::vector<Column> columns, std::vector<std::vector<std::string>> rows) {
  for (std::size_t c = columns.size(); c-- > 0;) {
    const bool used = std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return !row[c].empty(); });
    if (used) continue;
    columns.erase(columns.begin() + static_cast<std::ptrdiff_t>(c));
    for (std::vector<std::string>& row : rows) row.erase(row.begin() + static_cast<std::ptrdiff_t>(c));
  }
  return table_text(columns, rows);
}

std::string head_line(const SweepReport& report) {
  std::string head = fmt::format("Sweep on {} samples", report.samples);
  if (const std::optional<double> accuracy = figure_of(report.original, "accuracy"))
    head += fmt::format(", accuracy of the original {:.2f} %", 100 * *accuracy);
  return head + "\n";
}

}  // namespace

Json sweep_json(const SweepReport& report) {
  JsonObject original{{"bytes", Json(report.bytes_in)}};
  for (const Figure& found : report.original) original.emplace_back(found.name, Json(found.value));
  JsonArray points;
  for (const SweepPoint& point : report.points) points.push_back(pipeline::point_json(point));
  return Json(JsonObject{{"data", Json(report.data)},
                         {"samples", Json(report.samples)},
                         {"task", Json(report.task)},
                         {"measure", Json(report.measure)},
                         {"original", Json(std::move(original))},
                         {"resumed", Json(report.resumed)},
                         {"points", Json(std::move(points))}});
}

std::string sweep_csv(const SweepReport& report) {
  const std::vector<std::string> names = figure_names(report);
  std::string text = "id,family,target_ratio,rank,bytes,ratio,compression,damage";
  for (const std::string& name : names) text += "," + name;
  text += ",dominated,dominated_by,why_not\r\n";
  for (const SweepPoint& point : report.points) text += csv_line(point, names);
  return text;
}

std::string sweep_text(const SweepReport& report) {
  std::vector<std::vector<std::string>> rows;
  for (const SweepPoint& point : report.points) {
    rows.push_back(text_row(point));
    rows.back().resize(9);
  }
  return head_line(report) +
         table_without_empty({{"method"},
                              {"set"},
                              {"bytes", true},
                              {"times", true},
                              {"accuracy %", true},
                              {report.measure, true},
                              {"error", true},
                              {"ms", true},
                              {"dominated by"}},
                             std::move(rows)) +
         "\n";
}

}  // namespace tt::cli
