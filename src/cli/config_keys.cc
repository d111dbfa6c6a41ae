#include "cli/config_keys.h"

#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "base/pattern.h"
#include "base/text.h"
#include "cli/option_values.h"

namespace tt::cli {
namespace {

constexpr double kMaxInteger = 9007199254740992.0;  // 2^53: exact in TOML, JSON and double
constexpr std::string_view kTrueOrFalse = "true or false";
constexpr std::string_view kPatternList = "a list of patterns (RE2)";

using Texts = std::vector<std::string>;

std::vector<ConfigKey> make_compression_keys() {
  return {
      {.section = "compression",
       .name = "preset",
       .type = ValueType::text,
       .allowed = "one of low, balanced, high, newport",
       .choices = {"low", "balanced", "high", "newport"},
       .fallback = std::string("balanced"),
       .option = "preset",
       .help = "built-in values of target_ratio, max_rank, epsilon and svd_method"},
      {.section = "compression",
       .name = "target_ratio",
       .type = ValueType::number,
       .allowed = "a number above 0 and at most 1",
       .least = 0,
       .most = 1,
       .above_least = true,
       .option = "target-ratio",
       .help = "bytes out / bytes in, never exceeded"},
      {.section = "compression",
       .name = "max_rank",
       .type = ValueType::integer,
       .allowed = "an integer from 1 to 2147483647",
       .least = 1,
       .most = 2147483647,
       .option = "max-rank",
       .help = "largest rank of a low rank or tensor train"},
      {.section = "compression",
       .name = "epsilon",
       .type = ValueType::number,
       .allowed = "a number above 0 and at most 1",
       .least = 0,
       .most = 1,
       .above_least = true,
       .option = "epsilon",
       .help = "wished total relative error of a factored weight"},
      {.section = "compression",
       .name = "svd_method",
       .type = ValueType::text,
       .allowed = "one of full, truncated, randomized",
       .choices = {"full", "truncated", "randomized"},
       .fallback = std::string("truncated"),
       .option = "svd",
       .help = "how the singular values are computed"},
      {.section = "compression",
       .name = "method",
       .type = ValueType::text,
       .allowed = "one of auto, svd, tt",
       .choices = {"auto", "svd", "tt"},
       .fallback = std::string("auto"),
       .option = "method",
       .help = "the encodings to choose from"},
      {.section = "compression",
       .name = "min_tensor_size",
       .type = ValueType::integer,
       .allowed = "an integer from 0 to 9007199254740992",
       .least = 0,
       .most = kMaxInteger,
       .fallback = std::uint64_t{0},
       .option = "min-size",
       .help = "weights of fewer elements stay exact"},
      {.section = "compression",
       .name = "layer_patterns",
       .type = ValueType::patterns,
       .allowed = kPatternList,
       .fallback = Texts{},
       .option = "include",
       .help = "only weights that match one of them may change; empty: all"},
      {.section = "compression",
       .name = "exclude_patterns",
       .type = ValueType::patterns,
       .allowed = kPatternList,
       .fallback = Texts{},
       .option = "exclude",
       .help = "weights that match one of them stay exact"},
      {.section = "compression",
       .name = "parallel",
       .type = ValueType::boolean,
       .allowed = kTrueOrFalse,
       .fallback = true,
       .help = "false: one thread, whatever num_threads says"},
      {.section = "compression",
       .name = "num_threads",
       .type = ValueType::integer,
       .allowed = "an integer from 0 to 1024",
       .least = 0,
       .most = 1024,
       .fallback = std::uint64_t{0},
       .option = "threads",
       .help = "worker threads; 0: one a processor"},
  };
}

std::vector<ConfigKey> make_other_keys() {
  return {
      {.section = "storage",
       .name = "backend",
       .type = ValueType::text,
       .allowed = "a text",
       .trust = Trust::no_address,
       .help = "default store of models"},
      {.section = "storage",
       .name = "endpoint",
       .type = ValueType::texts,
       .allowed = "a text or a list of texts",
       .trust = Trust::trusted_only,
       .help = "address or addresses of the store"},
      {.section = "storage",
       .name = "namespace",
       .type = ValueType::text,
       .allowed = "a text",
       .fallback = std::string("default"),
       .help = "first part of every record's key"},
      {.section = "storage",
       .name = "timeout_secs",
       .type = ValueType::integer,
       .allowed = "an integer from 1 to 3600",
       .least = 1,
       .most = 3600,
       .fallback = std::uint64_t{30},
       .help = "deadline of one request"},
      {.section = "storage",
       .name = "max_retries",
       .type = ValueType::integer,
       .allowed = "an integer from 0 to 5",
       .least = 0,
       .most = 5,
       .fallback = std::uint64_t{3},
       .help = "further tries after a failed request"},
      {.section = "security",
       .name = "enable_tls",
       .type = ValueType::boolean,
       .allowed = kTrueOrFalse,
       .fallback = true,
       .trust = Trust::no_weaker,
       .help = "false allows plain connections"},
      {.section = "security",
       .name = "tls_min",
       .type = ValueType::text,
       .allowed = "one of 1.2, 1.3",
       .choices = {"1.2", "1.3"},
       .fallback = std::string("1.3"),
       .trust = Trust::no_weaker,
       .help = "oldest version of TLS"},
      {.section = "security",
       .name = "enable_encryption",
       .type = ValueType::boolean,
       .allowed = "false (this version of tt writes no encrypted files)",
       .most = 0,
       .fallback = false,
       .help = "encrypt what is written"},
      {.section = "security",
       .name = "key_management",
       .type = ValueType::texts,
       .allowed = "a text or a list of texts",
       .trust = Trust::trusted_only,
       .help = "where keys come from"},
      {.section = "logging",
       .name = "level",
       .type = ValueType::text,
       .allowed = "one of error, warn, info, debug",
       .choices = {"error", "warn", "info", "debug"},
       .fallback = std::string("warn"),
       .option = "log-level",
       .help = "what is logged to standard error"},
      {.section = "logging",
       .name = "format",
       .type = ValueType::text,
       .allowed = "one of text, json",
       .choices = {"text", "json"},
       .fallback = std::string("text"),
       .option = "log-format",
       .help = "form of a log line"},
  };
}

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
  // The only boolean with a range is one that cannot be true yet.
  if (const auto* flag = std::get_if<bool>(&value)) return key.allowed == kTrueOrFalse || !*flag;
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

const std::vector<ConfigKey>& config_keys() {
  static const std::vector<ConfigKey> kKeys = [] {
    std::vector<ConfigKey> keys = make_compression_keys();
    for (ConfigKey& key : make_other_keys()) keys.push_back(std::move(key));
    return keys;
  }();
  return kKeys;
}

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
