#include "cli/html_report.h"

#include <array>

#include "cli/page_text.h"

namespace tt::cli {
namespace {

using base::Json;
using base::JsonObject;

constexpr std::size_t kMaxPage = 3'000'000;

// The first that fits is taken, the last one always: it has a few hundred texts.
constexpr std::array<PageDetail, 5> kDetails = {
    {{200, 8, 4000, 8000}, {100, 4, 2000, 4000}, {64, 3, 1000, 2000}, {32, 2, 300, 500}, {16, 1, 50, 50}}};

std::size_t length_of(const Json* array) {
  return array && array->is_array() ? std::get<base::JsonArray>(array->value()).size() : 0;
}

// What the foot of the page says about what is not in it.
std::string note_of(const Json& report, const Json& kept) {
  const std::size_t all = length_of(report.find("weights")), some = length_of(kept.find("weights"));
  if (some == all) return "Figures have 6 significant digits; --json has all of them.";
  return "Shows the " + std::to_string(some) + " largest of " + std::to_string(all) +
         " weights; --json has all of them.";
}

std::string data_of(std::string_view command, const Json& report, const PageDetail& detail) {
  Json kept = page_data(report, detail);
  std::string note = note_of(report, kept);
  return script_json(Json(JsonObject{{"command", Json(command)},
                                     {"version", Json(TT_VERSION)},
                                     {"note", Json(std::move(note))},
                                     {"report", std::move(kept)}}));
}

}  // namespace

std::string script_json(const Json& json) {
  const std::string text = json.dump();
  std::string safe;
  safe.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = std::string_view(text).substr(i, 3);
    if (rest[0] == '<' || rest[0] == '>' || rest[0] == '&') {
      safe += rest[0] == '<' ? "\\u003c" : rest[0] == '>' ? "\\u003e" : "\\u0026";
    } else if (rest == "\xe2\x80\xa8" || rest == "\xe2\x80\xa9") {
      safe += rest[2] == '\xa8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      safe += rest[0];
    }
  }
  return safe;
}

std::string report_page(std::string_view command, const Json& report) {
  std::string data;
  for (const PageDetail& detail : kDetails) {
    data = data_of(command, report, detail);
    if (kPageBefore.size() + data.size() + kPageAfter.size() < kMaxPage) break;
  }
  return std::string(kPageBefore) + data + std::string(kPageAfter);
}

}  // namespace tt::cli
