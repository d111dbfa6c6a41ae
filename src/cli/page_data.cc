// What of a report goes into its page.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>

#include "base/utf8.h"
#include "cli/html_report.h"

namespace tt::cli {
namespace {

using base::Json;
using base::JsonArray;
using base::JsonObject;

constexpr int kDigits = 6;
constexpr std::size_t kMaxLetters = 300;
constexpr std::array<std::string_view, 3> kLeftOut = {"seconds", "peak_rss_bytes", "nodes"};

double rounded(double value) {
  if (!std::isfinite(value)) return value;
  std::array<char, 40> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific, kDigits - 1)
          .ptr;
  std::from_chars(text.data(), end, value);
  return value;
}

std::string cut(const std::string& text) {
  std::string_view rest = text;
  for (std::size_t letters = 0; letters < kMaxLetters && !rest.empty(); ++letters)
    rest.remove_prefix(std::max<std::size_t>(1, base::decode_utf8(rest).length));
  return rest.empty() ? text : text.substr(0, text.size() - rest.size()) + "...";
}

// `count` of 0 ... size - 1: both ends, and between them half spread evenly, half in equal ratios, because
// the first values of a spectrum fall fastest.
std::vector<std::size_t> thinned(std::size_t size, std::size_t count) {
  std::set<std::size_t> chosen;
  const std::size_t half = std::max<std::size_t>(2, count / 2);
  const double last = static_cast<double>(size - 1), steps = static_cast<double>(half - 1);
  for (std::size_t i = 0; i < half; ++i) {
    const double share = static_cast<double>(i) / steps;
    chosen.insert(static_cast<std::size_t>(std::lround(last * share)));
    chosen.insert(static_cast<std::size_t>(std::lround(std::pow(last + 1, share) - 1)));
  }
  return {chosen.begin(), chosen.end()};
}

class Reducer {
 public:
  explicit Reducer(const PageDetail& detail) : detail_(detail) {}

  // The nesting is that of our own reports.
  Json reduce(const Json& json, std::string_view key) const {
    if (json.is_object()) return object(std::get<JsonObject>(json.value()), key);
    if (json.is_array()) return array(std::get<JsonArray>(json.value()), key);
    if (json.is_string()) return Json(cut(std::get<std::string>(json.value())));
    if (const double* number = std::get_if<double>(&json.value())) return Json(rounded(*number));
    return json;
  }

 private:
  Json object(const JsonObject& members, std::string_view owner) const {
    JsonObject kept;
    for (const auto& [key, value] : members) {
      if (std::find(kLeftOut.begin(), kLeftOut.end(), key) != kLeftOut.end()) continue;
      if (key == "spectrum" && owner == "unfoldings") continue;
      if (key == "singular_values" && value.is_array() &&
          std::get<JsonArray>(value.value()).size() > detail_.spectrum) {
        add_spectrum(std::get<JsonArray>(value.value()), kept);
      } else {
        kept.emplace_back(key, reduce(value, key));
      }
    }
    return Json(std::move(kept));
  }

  void add_spectrum(const JsonArray& values, JsonObject& kept) const {
    JsonArray some, indices;
    for (const std::size_t index : thinned(values.size(), detail_.spectrum)) {
      some.push_back(reduce(values[index], ""));
      indices.emplace_back(static_cast<std::uint64_t>(index));
    }
    kept.emplace_back("singular_values", Json(std::move(some)));
    kept.emplace_back("indices", Json(std::move(indices)));
  }

  Json array(const JsonArray& values, std::string_view key) const {
    const std::vector<const Json*> chosen = key == "weights" ? largest(values) : first(values, key);
    JsonArray kept;
    for (const Json* value : chosen) kept.push_back(reduce(*value, key));
    return Json(std::move(kept));
  }

  std::vector<const Json*> first(const JsonArray& values, std::string_view key) const {
    std::vector<const Json*> kept;
    const std::size_t most = key == "affected_topics"   ? detail_.topics
                             : key == "singular_values" ? detail_.spectrum
                                                        : detail_.entries;
    for (std::size_t i = 0; i < std::min(values.size(), most); ++i) kept.push_back(&values[i]);
    return kept;
  }

  // Entries of the order have no bytes: its first ones are kept.
  std::vector<const Json*> largest(const JsonArray& values) const {
    std::vector<std::size_t> order(values.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return size_of(values[a]) > size_of(values[b]); });
    order.resize(std::min(order.size(), detail_.weights));
    std::sort(order.begin(), order.end());
    std::vector<const Json*> kept;
    for (const std::size_t index : order) kept.push_back(&values[index]);
    return kept;
  }

  static double size_of(const Json& weight) {
    for (const std::string_view key : {"bytes", "bytes_in"})
      if (const Json* bytes = weight.find(key); bytes && bytes->is_number()) return bytes->as_double("bytes");
    return 0;
  }

  const PageDetail& detail_;
};

}  // namespace

Json page_data(const Json& report, const PageDetail& detail) {
  return Reducer(detail).reduce(report, "");
}

}  // namespace tt::cli
