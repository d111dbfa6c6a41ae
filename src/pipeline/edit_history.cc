#include "pipeline/edit_history.h"

#include <algorithm>
#include <filesystem>

#include "base/input_file.h"
#include "base/sha256.h"

namespace tt::pipeline {
namespace {

using base::Json;
using base::JsonArray;
using base::JsonObject;

Json hash_of(const base::InputFile& file) {
  return Json(base::hex(base::sha256_file(file)));
}

// Null for none, and for a folder of samples.
Json hash_of(const std::string& path) {
  if (path.empty() || std::filesystem::is_directory(path)) return Json();
  return hash_of(base::InputFile::open(path));
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

Json names_of(const EditReport& report) {
  JsonArray names;
  for (const EditedReport& weight : report.weights) names.emplace_back(weight.name);
  return Json(std::move(names));
}

}  // namespace

Json edit_row(const EditOptions& options, const EditReport& report, const container::Container& container) {
  const bool pattern = pattern_number(options.direction).has_value();
  return Json(JsonObject{{"action", Json(report.action)},
                         {"direction", pattern ? Json(options.direction) : hash_of(options.direction)},
                         {"positive", hash_of(options.positive)},
                         {"negative", hash_of(options.negative)},
                         {"layer", text_or_null(options.layer)},
                         {"preserve", hash_of(options.preserve)},
                         {"side", Json(options.side == Side::input ? "input" : "output")},
                         {"strength", Json(options.strength)},
                         {"weights", names_of(report)},
                         {"before_sha256", hash_of(container.file())}});
}

Json restore_row(const std::string& pattern, const EditReport& report, const container::Container& container,
                 const container::Container& rollback) {
  return Json(JsonObject{{"action", Json(report.action)},
                         {"pattern", Json(pattern)},
                         {"rollback_sha256", hash_of(rollback.file())},
                         {"weights", names_of(report)},
                         {"before_sha256", hash_of(container.file())}});
}

std::uint64_t edits_of(const Json& options) {
  const Json* const rows = options.find("edits");
  return rows ? rows->as_array("edits").size() : 0;
}

Json with_edit(const Json& options, Json row) {
  JsonObject all = options.is_object() ? options.as_object("options") : JsonObject{};
  const auto found =
      std::find_if(all.begin(), all.end(), [](const auto& item) { return item.first == "edits"; });
  JsonArray rows = found == all.end() ? JsonArray{} : found->second.as_array("edits");
  rows.push_back(std::move(row));
  if (found == all.end())
    all.emplace_back("edits", Json(std::move(rows)));
  else
    found->second = Json(std::move(rows));
  return Json(std::move(all));
}

}  // namespace tt::pipeline
