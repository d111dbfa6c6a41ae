#include "pipeline/sweep_checkpoint.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "base/error.h"
#include "base/input_file.h"
#include "base/output_file.h"
#include "base/text.h"
#include "base/utf8.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;
using base::Json;
using base::JsonArray;
using base::JsonObject;

Json figures_json(const std::vector<Figure>& figures) {
  JsonObject object;
  for (const Figure& figure : figures) object.emplace_back(figure.name, Json(figure.value));
  return Json(std::move(object));
}

// Names of figures become columns, and measures are printed: whoever wrote the file must not write to the
// terminal or the table with them.
std::string word(const std::string& text, const std::string& what) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  if (!plain) throw Error(ErrorKind::bad_data, what + " holds " + base::quoted(text) + ", which is no name");
  return text;
}

std::string line(const std::string& text, const std::string& what) {
  for (std::string_view rest = text; !rest.empty();) {
    const base::CodePoint letter = base::decode_utf8(rest);
    if (letter.value < 0x20 || (letter.value >= 0x7f && letter.value < 0xa0))
      throw Error(ErrorKind::bad_data, what + " holds a text with control characters");
    rest.remove_prefix(letter.length);
  }
  return text;
}

// What is not finite was written as null.
double number_or(const Json& value, const std::string& what, double otherwise) {
  return value.is_null() ? otherwise : value.as_double(what);
}

std::vector<Figure> parse_figures(const Json& json, const std::string& what) {
  std::vector<Figure> figures;
  for (const auto& [name, value] : json.as_object(what))
    figures.push_back({word(name, what), number_or(value, what, std::numeric_limits<double>::quiet_NaN())});
  return figures;
}

SweepPoint parse_point(const Json& json, const std::string& what) {
  SweepPoint point;
  point.setting.family = json.at("family", what).as_string(what);
  const Json &ratio = json.at("target_ratio", what), &rank = json.at("rank", what);
  if (!ratio.is_null()) point.setting.ratio = ratio.as_double(what);
  if (!rank.is_null()) point.setting.rank = rank.as_uint(what);
  if (ratio.is_null() == rank.is_null())
    throw Error(ErrorKind::bad_data, what + " has a point without a setting");
  const Json& why = json.at("why_not", what);
  if (!why.is_null()) {
    point.why_not = line(why.as_string(what), what);
    return point;
  }
  point.bytes = json.at("bytes", what).as_uint(what);
  point.ratio = json.at("ratio", what).as_double(what);
  if (point.bytes == 0 || !(point.ratio > 0))
    throw Error(ErrorKind::bad_data, what + " has a file without a size");
  point.figures = parse_figures(json.at("figures", what), what);
  point.damage = number_or(json.at("damage", what), what, std::numeric_limits<double>::infinity());
  return point;
}

// Errors: bad_data: none, or one of another identity.
Json checkpoint_json(const std::string& path, const Json& identity, const std::string& what) {
  const base::InputFile file = base::InputFile::open(path);
  const base::JsonLimits limits;
  if (file.size() > limits.max_bytes) throw Error(ErrorKind::bad_data, what + " is too large to be one");
  const base::Bytes bytes = file.read_bytes(0, file.size());
  Json json = base::parse_json(base::text_of(bytes), what, limits);
  const Json* version = json.find("tt_sweep");
  if (version == nullptr || version->as_uint(what) != 1)
    throw Error(ErrorKind::bad_data, what + " is none of this version", "remove it, or leave --resume out");
  if (json.at("identity", what).dump() != identity.dump())
    throw Error(ErrorKind::bad_data, what + " is of another model, samples or options",
                "use those that it was begun with, or leave --resume out to begin again");
  return json;
}

}  // namespace

Json point_json(const SweepPoint& point) {
  const bool known = point.bytes != 0;
  const SweepSetting& setting = point.setting;
  return Json(JsonObject{{"id", Json(setting.id())},
                         {"family", Json(setting.family)},
                         {"target_ratio", setting.ratio ? Json(*setting.ratio) : Json()},
                         {"rank", setting.rank ? Json(*setting.rank) : Json()},
                         {"bytes", known ? Json(point.bytes) : Json()},
                         {"ratio", known ? Json(point.ratio) : Json()},
                         {"compression", known ? Json(1 / point.ratio) : Json()},
                         {"figures", known ? figures_json(point.figures) : Json()},
                         {"damage", known ? Json(point.damage) : Json()},
                         {"dominated", known ? Json(point.dominated) : Json()},
                         {"dominated_by", point.dominated ? Json(point.dominated_by) : Json()},
                         {"why_not", known ? Json() : Json(point.why_not)}});
}

SweepCheckpoint::SweepCheckpoint(std::string path, Json identity, bool resume)
    : path_(std::move(path)), identity_(std::move(identity)) {
  if (resume && !path_.empty() && std::filesystem::exists(path_)) read();
}

void SweepCheckpoint::read() {
  const std::string what = "checkpoint " + base::quoted(path_);
  const Json json = checkpoint_json(path_, identity_, what);
  task = word(json.at("task", what).as_string(what), what);
  measure = word(json.at("measure", what).as_string(what), what);
  samples = json.at("samples", what).as_uint(what);
  original = parse_figures(json.at("original", what), what);
  for (const Json& warning : json.at("warnings", what).as_array(what))
    warnings.push_back(line(warning.as_string(what), what));
  for (const Json& point : json.at("points", what).as_array(what))
    points_.push_back(parse_point(point, what));
}

const SweepPoint* SweepCheckpoint::find(const SweepSetting& setting) const {
  const auto found = std::find_if(points_.begin(), points_.end(),
                                  [&](const SweepPoint& point) { return point.setting == setting; });
  return found == points_.end() ? nullptr : &*found;
}

void SweepCheckpoint::add(const SweepPoint& point) {
  points_.push_back(point);
  if (!path_.empty()) write();
}

void SweepCheckpoint::write() const {
  JsonArray points;
  for (const SweepPoint& point : points_) points.push_back(point_json(point));
  const JsonArray texts(warnings.begin(), warnings.end());
  const Json json(JsonObject{{"tt_sweep", Json(1)},
                             {"identity", identity_},
                             {"task", Json(task)},
                             {"measure", Json(measure)},
                             {"samples", Json(samples)},
                             {"original", figures_json(original)},
                             {"warnings", Json(texts)},
                             {"points", Json(std::move(points))}});
  base::OutputFile out = base::OutputFile::create(path_);
  out.write(0, base::view_of(json.dump(1) + "\n"));
  out.commit();
}

}  // namespace tt::pipeline
