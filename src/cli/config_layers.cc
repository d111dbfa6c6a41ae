// Where the layers come from: files in their order, then the environment.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/text.h"
#include "cli/config.h"
#include "cli/same_file.h"

extern char** environ;

namespace tt::cli {
namespace {

using base::Error;
using base::ErrorKind;

constexpr const char* kSystemFile = "/etc/tt/tt.toml";
constexpr const char* kLocalFile = "./tt.toml";
constexpr const char* kFileHint = "see 'man 5 tt.toml'; --no-config leaves configuration files out";

// XDG base directory specification: relative paths are ignored.
std::string user_file() {
  const char* folder = std::getenv("XDG_CONFIG_HOME");
  if (folder && folder[0] == '/') return std::string(folder) + "/tt/tt.toml";
  const char* home = std::getenv("HOME");
  if (home && home[0] == '/') return std::string(home) + "/.config/tt/tt.toml";
  return {};
}

bool exists(const std::string& path) {
  struct stat info;
  return !path.empty() && (::lstat(path.c_str(), &info) == 0 || (errno != ENOENT && errno != ENOTDIR));
}

// A file that is there, but cannot be read, must not be passed over in silence.
std::vector<Assignment> read_layer(const std::string& path) {
  try {
    return read_config_file(path);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
    throw Error(ErrorKind::config, error.what(), kFileHint);
  }
}

void apply_files(Config& config, const std::string& explicit_file) {
  std::vector<std::string> trusted;
  for (const std::string& path : {std::string(kSystemFile), user_file()}) {
    if (!exists(path)) continue;
    config.apply(read_layer(path), ErrorKind::config, kFileHint);
    trusted.push_back(path);
  }
  if (!explicit_file.empty()) trusted.push_back(explicit_file);
  const bool is_trusted = std::any_of(trusted.begin(), trusted.end(),
                                      [](const std::string& path) { return is_same_file(path, kLocalFile); });
  if (exists(kLocalFile) && !is_trusted) {
    const std::vector<Assignment> layer = read_layer(kLocalFile);
    check_untrusted(layer);
    config.apply(layer, ErrorKind::config, kFileHint);
  }
}

// Secrets that are variables, but never keys.
bool is_secret(const std::string& name) {
  return name == "TT_STORAGE_TOKEN";
}

void check_variable(const std::string& name) {
  std::vector<std::string> known;
  bool in_section = false;
  for (const ConfigKey& key : config_keys()) {
    known.push_back(variable_of(key));
    const std::string prefix = known.back().substr(0, known.back().size() - key.name.size());
    if (name == known.back()) return;
    in_section = in_section || name.starts_with(prefix);
  }
  if (!in_section || is_secret(name)) return;
  const std::optional<std::string> close = base::closest(name, known);
  throw Error(ErrorKind::config, "unknown configuration variable " + base::quoted(name),
              (close ? "did you mean " + *close + "? " : std::string()) + "see 'man 5 tt.toml'");
}

std::vector<Assignment> read_environment() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text(*entry);
    if (text.starts_with("TT_")) names.emplace_back(text.substr(0, text.find('=')));
  }
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) check_variable(name);
  std::vector<Assignment> layer;
  for (std::size_t i = 0; i < config_keys().size(); ++i) {
    const ConfigKey& key = config_keys()[i];
    const char* text = std::getenv(variable_of(key).c_str());
    if (text && *text) layer.push_back({i, value_from_text(key, text), variable_of(key)});
  }
  return layer;
}

}  // namespace

void check_untrusted(const std::vector<Assignment>& layer) {
  for (const Assignment& assignment : layer) {
    if (needs_trust(key_of(assignment), assignment.value))
      throw Error(ErrorKind::config,
                  assignment.origin + ": " + path_of(assignment) + " is refused in an untrusted ./tt.toml",
                  "if you trust this file, give it by --config ./tt.toml; --no-config leaves it out");
  }
}

Config load_config(const ConfigSources& sources) {
  Config config;
  if (sources.use_files) apply_files(config, sources.file);
  if (!sources.file.empty()) config.apply(read_layer(sources.file), ErrorKind::config, kFileHint);
  config.apply(read_environment(), ErrorKind::config, "see 'man 5 tt.toml'");
  return config;
}

}  // namespace tt::cli
