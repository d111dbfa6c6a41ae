#include "cli/config_keys.h"

#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "base/pattern.h"
#include "base/text.h"
#include "cli/option_values.h"
#include "runtime/input_mapping.h"

namespace tt::cli {
namespace {

using Texts = std::vector<std::string>;

// How a value of the wrong kind or outside its range is named in a message.
std::string shown(const ConfigValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return base::quoted(*text);
  if (const auto* unfit = std::get_if<Unfit>(&value)) return unfit->what;
  return toml_text(value);
}

std::string pattern_problem(const Texts& patterns) {
  for (const std::string& text : patterns) {
    const std::string reason = problem_of_pattern(text);
    if (!reason.empty()) return "has the pattern " + base::quoted(text) + ", " + reason;
  }
  return {};
}

bool type_fits(const ConfigKey& key, const ConfigValue& value) {
  switch (key.type) {
    case ValueType::boolean:
      return std::holds_alternative<bool>(value);
    case ValueType::integer:
      return std::holds_alternative<std::uint64_t>(value);
    case ValueType::number:
      return std::holds_alternative<double>(value);
    case ValueType::text:
      return std::holds_alternative<std::string>(value);
    case ValueType::texts:
    case ValueType::patterns:
      return std::holds_alternative<Texts>(value);
  }
  return false;
}

bool number_fits(const ConfigKey& key, double value) {
  return std::isfinite(value) && value <= key.most &&
         (key.above_least ? value > key.least : value >= key.least);
}

bool range_fits(const ConfigKey& key, const ConfigValue& value) {
  if (const auto* number = std::get_if<double>(&value)) return number_fits(key, *number);
  if (const auto* integer = std::get_if<std::uint64_t>(&value))
    return number_fits(key, static_cast<double>(*integer));
  if (const auto* flag = std::get_if<bool>(&value)) return number_fits(key, *flag ? 1 : 0);
  const auto* text = std::get_if<std::string>(&value);
  if (!text || key.choices.empty()) return true;
  for (const std::string_view choice : key.choices)
    if (choice == *text) return true;
  return false;
}

Texts split_commas(const std::string& text) {
  Texts parts;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t comma = std::min(text.find(',', from), text.size());
    if (comma > from) parts.push_back(text.substr(from, comma - from));
    from = comma + 1;
  }
  return parts;
}

}  // namespace

std::string path_of(const ConfigKey& key) {
  return std::string(key.section) + "." + std::string(key.name);
}

std::string variable_of(const ConfigKey& key) {
  std::string name = "TT_" + std::string(key.section) + "_" + std::string(key.name);
  for (char& letter : name)
    if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
  return name;
}

std::optional<std::size_t> find_key(std::string_view path) {
  for (std::size_t i = 0; i < config_keys().size(); ++i)
    if (path_of(config_keys()[i]) == path) return i;
  return std::nullopt;
}

std::string problem_of(const ConfigKey& key, const ConfigValue& value) {
  if (!type_fits(key, value) || !range_fits(key, value))
    return "is " + shown(value) + ", but must be " + std::string(key.allowed);
  if (key.type == ValueType::patterns) return pattern_problem(std::get<Texts>(value));
  return {};
}

std::string problem_of_input(const ConfigKey& key, const ConfigValue& value) {
  const std::string problem = "is " + shown(value) + ", but must be " + std::string(key.allowed);
  const auto* text = std::get_if<std::string>(&value);
  const std::string_view letters = key.name == "shape" ? "N,0123456789" : "0123456789.+-eE/";
  if (!text || text->find_first_not_of(letters) != std::string::npos) return problem;
  try {
    runtime::parse_input_mapping("x:" + std::string(key.name) + "=" + *text);
    return {};
  } catch (const base::Error&) {
    return problem;
  }
}

ConfigValue value_from_text(const ConfigKey& key, const std::string& text) {
  if (key.type == ValueType::boolean && (text == "true" || text == "false")) return text == "true";
  if (key.type == ValueType::integer)
    if (const auto integer = parse_integer(text)) return *integer;
  if (key.type == ValueType::number)
    if (const auto number = parse_number(text)) return *number;
  if (key.type == ValueType::texts || key.type == ValueType::patterns) return split_commas(text);
  return text;
}

bool needs_trust(const ConfigKey& key, const ConfigValue& value) {
  switch (key.trust) {
    case Trust::anyone:
      return false;
    case Trust::trusted_only:
      return true;
    case Trust::no_weaker:
      return value != key.fallback;
    case Trust::no_address: {
      const auto* text = std::get_if<std::string>(&value);
      return text && text->find_first_of(":/") != std::string::npos;
    }
  }
  return true;
}

std::string toml_text(const ConfigValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* integer = std::get_if<std::uint64_t>(&value)) return std::to_string(*integer);
  if (const auto* number = std::get_if<double>(&value))
    return std::isfinite(*number) ? base::Json(*number).dump() : "not a finite number";
  if (const auto* text = std::get_if<std::string>(&value)) return base::Json(*text).dump();
  if (const auto* texts = std::get_if<Texts>(&value)) {
    std::string list = "[";
    for (const std::string& text : *texts) list += (list.size() > 1 ? ", " : "") + base::Json(text).dump();
    return list + "]";
  }
  return {};
}

const std::vector<Preset>& presets() {
  static const std::vector<Preset> kPresets = {{"low", 0.30, 8, 1e-2, "truncated"},
                                               {"balanced", 0.45, 32, 1e-3, "truncated"},
                                               {"high", 0.60, 64, 1e-4, "full"},
                                               {"newport", 0.30, 16, 1e-2, "truncated"}};
  return kPresets;
}

}  // namespace tt::cli
