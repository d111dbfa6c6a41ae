#include "cli/config.h"

#include "base/text.h"

namespace tt::cli {
namespace {

std::size_t key_at(std::string_view path) {
  const std::optional<std::size_t> key = find_key(path);
  if (!key) throw base::Error(base::ErrorKind::internal, "unknown configuration key " + base::quoted(path));
  return *key;
}

}  // namespace

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
    const ConfigKey& key = config_keys()[assignment.key];
    const std::string problem = problem_of(key, assignment.value);
    if (problem.empty()) continue;
    // An option or a variable names its key already.
    const bool named = assignment.origin.starts_with("--") || assignment.origin.starts_with("TT_");
    throw base::Error(kind, assignment.origin + (named ? " " : ": " + path_of(key) + " ") + problem, hint);
  }
  const std::size_t preset = key_at("compression.preset");
  for (const Assignment& assignment : layer)
    if (assignment.key == preset) apply_preset(assignment);
  for (const Assignment& assignment : layer)
    settings_[assignment.key] = {assignment.value, assignment.origin, true};
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
