// The effective configuration: layers in order (later wins), every value with its origin.
//
// built-in values and preset `balanced` < /etc/tt/tt.toml < XDG_CONFIG_HOME/tt/tt.toml < ./tt.toml < --config
// FILE < TT_<SECTION>_<KEY> < options. A preset that a layer names sets its four values in that layer, before
// the layer's own keys. Files are untrusted until checked: at most 64 KiB and 32 dots a line before they are
// parsed; ./tt.toml may in addition not name addresses, keys or commands (config_keys.h, Trust) unless it is
// given by --config.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/config_keys.h"

namespace tt::cli {

struct Setting {
  ConfigValue value;
  std::string
      origin;  // "default", "preset balanced", "/etc/tt/tt.toml:3", "TT_COMPRESSION_MAX_RANK", "--max-rank"
  bool from_user = false;  // not a default and not part of a preset
};

// One value that a layer gives.
struct Assignment {
  std::size_t key = 0;  // in config_keys(); of an input: in input_keys()
  ConfigValue value;
  std::string origin;
  std::string input = {};  // NAME of [inputs.NAME], empty for every other section
};
const ConfigKey& key_of(const Assignment& assignment);
std::string path_of(const Assignment& assignment);  // "compression.max_rank", "inputs.x.scale"

// What the layers say of one input: key of input_keys() -> its text.
using InputSettings = std::map<std::string, Setting, std::less<>>;

class Config {
 public:
  Config();  // built-in values

  // Errors: `kind`, naming origin, key and what is allowed.
  void apply(const std::vector<Assignment>& layer, base::ErrorKind kind, const std::string& hint);
  // Removes a value, so that it counts as not set.
  void clear(std::string_view path);

  const Setting& setting(std::size_t key) const { return settings_[key]; }
  const Setting& setting(std::string_view path) const;
  std::string text(std::string_view path) const;
  bool flag(std::string_view path) const;
  std::optional<std::uint64_t> integer(std::string_view path) const;
  std::optional<double> number(std::string_view path) const;
  std::vector<std::string> texts(std::string_view path) const;
  const std::map<std::string, InputSettings>& inputs() const { return inputs_; }

 private:
  void apply_preset(const Assignment& assignment);
  void switch_off_ratio(const std::vector<Assignment>& layer);
  std::vector<Setting> settings_;  // in the order of config_keys()
  std::map<std::string, InputSettings> inputs_;
};

// The assignments of one file in the order of its lines. Errors: config (file, line, key, what is allowed;
// unknown key; too large; not TOML), not_found.
std::vector<Assignment> read_config_file(const std::string& path);

// Errors: config if an assignment may not stand in an untrusted file.
void check_untrusted(const std::vector<Assignment>& layer);

struct ConfigSources {
  std::string file;       // --config, empty for none
  bool use_files = true;  // --no-config: only environment and options
};

// All layers below the options. Errors: config, also for a file that is there, or named by --config, and
// cannot be read.
Config load_config(const ConfigSources& sources);

}  // namespace tt::cli
