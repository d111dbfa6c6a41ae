#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/standard_output.h"

namespace tt::cli {
namespace {

using base::Error;
using base::ErrorKind;
using base::Json;
using base::JsonArray;
using base::JsonObject;

constexpr std::string_view kName = "config";

Json value_json(const ConfigValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return Json(*flag);
  if (const auto* integer = std::get_if<std::uint64_t>(&value)) return Json(*integer);
  if (const auto* number = std::get_if<double>(&value)) return Json(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return Json(*text);
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
    JsonArray array;
    for (const std::string& text : *texts) array.emplace_back(text);
    return Json(std::move(array));
  }
  return Json();
}

std::string line_text(const std::string& line, const Setting& setting, bool with_origin) {
  return with_origin ? fmt::format("{:<36}  # {}\n", line, setting.origin) : line + "\n";
}

std::string inputs_text(const Config& config, bool with_origin) {
  std::string text;
  for (const auto& [name, settings] : config.inputs()) {
    text += fmt::format("\n[inputs.{}]\n", toml_text(name));
    for (const auto& [key, setting] : settings)
      text += line_text(fmt::format("{} = {}", key, toml_text(setting.value)), setting, with_origin);
  }
  return text;
}

std::string show_text(const Config& config, bool with_origin) {
  std::string text, section;
  for (std::size_t i = 0; i < config_keys().size(); ++i) {
    const ConfigKey& key = config_keys()[i];
    const Setting& setting = config.setting(i);
    if (section != key.section) text += fmt::format("{}[{}]\n", section.empty() ? "" : "\n", key.section);
    section = key.section;
    const bool is_set = !std::holds_alternative<std::monostate>(setting.value);
    const std::string line = is_set ? fmt::format("{} = {}", key.name, toml_text(setting.value))
                                    : fmt::format("# {} is not set", key.name);
    text += line_text(line, setting, with_origin);
  }
  return text + inputs_text(config, with_origin);
}

Json setting_json(const Setting& setting, bool with_origin) {
  Json value = value_json(setting.value);
  if (!with_origin) return value;
  return Json(JsonObject{{"value", std::move(value)}, {"origin", Json(setting.origin)}});
}

Json inputs_json(const Config& config, bool with_origin) {
  JsonObject inputs;
  for (const auto& [name, settings] : config.inputs()) {
    JsonObject members;
    for (const auto& [key, setting] : settings) members.emplace_back(key, setting_json(setting, with_origin));
    inputs.emplace_back(name, Json(std::move(members)));
  }
  return Json(std::move(inputs));
}

// {"compression": {"max_rank": 32, ...}, ...}; with origins every value is {"value", "origin"}.
Json show_json(const Config& config, bool with_origin) {
  JsonObject sections;
  for (std::size_t i = 0; i < config_keys().size(); ++i) {
    const ConfigKey& key = config_keys()[i];
    const Setting& setting = config.setting(i);
    if (sections.empty() || sections.back().first != key.section)
      sections.emplace_back(key.section, Json(JsonObject{}));
    JsonObject members = sections.back().second.as_object("section");
    members.emplace_back(key.name, setting_json(setting, with_origin));
    sections.back().second = Json(std::move(members));
  }
  if (!config.inputs().empty()) sections.emplace_back("inputs", inputs_json(config, with_origin));
  return Json(std::move(sections));
}

void show(const Invocation& invocation) {
  Config config = load_config(config_sources(kName, invocation.arguments));
  apply_options(kName, {}, invocation.arguments, config);
  const bool with_origin = invocation.arguments.has("origin");
  print(invocation.common.json ? show_json(config, with_origin).dump(2) + "\n"
                               : show_text(config, with_origin));
}

// Lines that would be refused if the file were an untrusted ./tt.toml.
std::vector<std::string> trusted_only(const std::vector<Assignment>& layer) {
  std::vector<std::string> paths;
  for (const Assignment& assignment : layer)
    if (needs_trust(key_of(assignment), assignment.value)) paths.push_back(path_of(assignment));
  return paths;
}

void check(const Invocation& invocation, const std::string& path) {
  const std::vector<Assignment> layer = read_config_file(path);
  Config().apply(layer, ErrorKind::config, "see 'man 5 tt.toml'");
  const std::vector<std::string> trusted = trusted_only(layer);
  if (invocation.common.json) {
    JsonArray keys;
    for (const std::string& key : trusted) keys.emplace_back(key);
    const JsonObject report = {{"path", Json(path)},
                               {"keys", Json(std::uint64_t{layer.size()})},
                               {"trusted_only", Json(std::move(keys))}};
    return print(Json(report).dump(2) + "\n");
  }
  std::string text = fmt::format("{}: good, {} keys\n", base::printable(path), layer.size());
  for (const std::string& key : trusted)
    text += fmt::format("  {} is refused in ./tt.toml unless given by --config\n", key);
  print(text);
}

void run(const Invocation& invocation) {
  const std::vector<std::string>& given = invocation.arguments.positional();
  const std::string action = given.empty() ? "" : given[0];
  if (action != "show" && action != "check")
    throw Error(ErrorKind::usage,
                given.empty() ? "no action given" : "unknown action " + base::quoted(action),
                "give 'config show' or 'config check FILE'; " + help_hint(kName));
  const std::size_t wanted = action == "show" ? 1 : 2;
  if (given.size() < wanted) throw Error(ErrorKind::usage, "no FILE given", help_hint(kName));
  if (given.size() > wanted)
    throw Error(ErrorKind::usage, "unexpected argument " + base::quoted(given[wanted]), help_hint(kName));
  if (action == "check" && invocation.arguments.has("origin"))
    throw Error(ErrorKind::usage, "option --origin belongs to config show", help_hint(kName));
  if (action == "show") return show(invocation);
  check(invocation, given[1]);
}

}  // namespace

Command config_command() {
  Command command;
  command.name = kName;
  command.summary = "show the effective configuration, or check a file";
  command.synopsis = {"config show [--origin] [OPTIONS]", "config check FILE"};
  command.description =
      "show prints every key as TOML: built-in preset, /etc/tt/tt.toml, XDG_CONFIG_HOME/tt/tt.toml,\n"
      "./tt.toml, --config FILE, environment TT_<SECTION>_<KEY>, options; later ones win. check reads one\n"
      "file by the same rules and says what is wrong with file, line, key and what is allowed.";
  command.options = {{.name = "origin", .help = "show: also where every value came from"}};
  command.examples = {"tt config show --origin", "tt config check configs/ci.toml",
                      "TT_COMPRESSION_MAX_RANK=16 tt config show --json"};
  command.uses_config = false;  // `check` must work beside a broken configuration
  command.run = run;
  return command;
}

}  // namespace tt::cli
