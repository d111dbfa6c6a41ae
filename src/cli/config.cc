#include "cli/config.h"

#include <algorithm>

#include "base/text.h"

namespace tt::cli {
namespace {

std::size_t key_at(std::string_view path) {
  const std::optional<std::size_t> key = find_key(path);
  if (!key) throw base::Error(base::ErrorKind::internal, "unknown configuration key " + base::quoted(path));
  return *key;
}

std::string problem_of(const Assignment& assignment) {
  const ConfigKey& key = key_of(assignment);
  return assignment.input.empty() ? problem_of(key, assignment.value)
                                  : problem_of_input(key, assignment.value);
}

}  // namespace

const ConfigKey& key_of(const Assignment& assignment) {
  return assignment.input.empty() ? config_keys()[assignment.key] : input_keys()[assignment.key];
}

std::string path_of(const Assignment& assignment) {
  const ConfigKey& key = key_of(assignment);
  if (assignment.input.empty()) return path_of(key);
  return "inputs." + base::printable(assignment.input) + "." + std::string(key.name);
}

Config::Config() {
  for (const ConfigKey& key : config_keys()) settings_.push_back({key.fallback, "default", false});
  apply_preset({key_at("compression.preset"), config_keys()[key_at("compression.preset")].fallback, ""});
}

void Config::apply_preset(const Assignment& assignment) {
  for (const Preset& preset : presets()) {
    if (preset.name != std::get<std::string>(assignment.value)) continue;
    const std::string by = assignment.origin.empty() ? "" : " (" + assignment.origin + ")";
    const std::string origin = "preset " + std::string(preset.name) + by;
    settings_[key_at("compression.target_ratio")] = {preset.target_ratio, origin, false};
    settings_[key_at("compression.max_rank")] = {preset.max_rank, origin, false};
    settings_[key_at("compression.epsilon")] = {preset.epsilon, origin, false};
    settings_[key_at("compression.svd_method")] = {std::string(preset.svd_method), origin, false};
  }
}

void Config::apply(const std::vector<Assignment>& layer, base::ErrorKind kind, const std::string& hint) {
  for (const Assignment& assignment : layer) {
    const std::string problem = problem_of(assignment);
    if (problem.empty()) continue;
    // An option or a variable names its key already.
    const bool named = assignment.origin.starts_with("--") || assignment.origin.starts_with("TT_");
    throw base::Error(kind, assignment.origin + (named ? " " : ": " + path_of(assignment) + " ") + problem,
                      hint);
  }
  const std::size_t preset = key_at("compression.preset");
  for (const Assignment& assignment : layer)
    if (assignment.input.empty() && assignment.key == preset) apply_preset(assignment);
  for (const Assignment& assignment : layer) {
    Setting& setting = assignment.input.empty()
                           ? settings_[assignment.key]
                           : inputs_[assignment.input][std::string(key_of(assignment).name)];
    setting = {assignment.value, assignment.origin, true};
  }
  switch_off_ratio(layer);
}

// A limit on quality asks for the smallest file: only a size goal from the same or a later layer stands
// beside it, neither an inherited one nor a preset's.
void Config::switch_off_ratio(const std::vector<Assignment>& layer) {
  const std::size_t ratio = key_at("compression.target_ratio");
  const auto assigns = [&](std::size_t key) {
    return std::any_of(layer.begin(), layer.end(), [&](const Assignment& assignment) {
      return assignment.input.empty() && assignment.key == key;
    });
  };
  for (const char* path :
       {"compression.max_error", "compression.min_quality", "compression.max_kl", "compression.max_drop"}) {
    const std::size_t limit = key_at(path);
    const bool fresh = assigns(limit) && !assigns(ratio);
    if (fresh || (settings_[limit].from_user && !settings_[ratio].from_user))
      settings_[ratio] = {{}, "off by " + settings_[limit].origin, false};
  }
}

void Config::clear(std::string_view path) {
  settings_[key_at(path)] = {};
}

const Setting& Config::setting(std::string_view path) const {
  return settings_[key_at(path)];
}

std::string Config::text(std::string_view path) const {
  const auto* value = std::get_if<std::string>(&setting(path).value);
  return value ? *value : std::string();
}

bool Config::flag(std::string_view path) const {
  const auto* value = std::get_if<bool>(&setting(path).value);
  return value && *value;
}

std::optional<std::uint64_t> Config::integer(std::string_view path) const {
  const auto* value = std::get_if<std::uint64_t>(&setting(path).value);
  return value ? std::optional(*value) : std::nullopt;
}

std::optional<double> Config::number(std::string_view path) const {
  const auto* value = std::get_if<double>(&setting(path).value);
  return value ? std::optional(*value) : std::nullopt;
}

std::vector<std::string> Config::texts(std::string_view path) const {
  const auto* value = std::get_if<std::vector<std::string>>(&setting(path).value);
  return value ? *value : std::vector<std::string>();
}

}  // namespace tt::cli
