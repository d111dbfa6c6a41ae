// Every key of tt.toml in one table: parsing, `tt config`, environment variables, options and the
// documentation's test use it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tt::cli {

enum class ValueType { boolean, integer, number, text, texts, patterns };

// What a ./tt.toml, which may come with a stranger's checkout, may say.
enum class Trust {
  anyone,
  no_address,   // refused there if the value holds an address or a path (':' or '/')
  no_weaker,    // refused there if the value is not the built-in one
  trusted_only  // refused there
};

// A value of a file that has none of our types: "a table", "a date or time".
struct Unfit {
  std::string what;
  bool operator==(const Unfit&) const = default;
};
// std::monostate: not set.
using ConfigValue =
    std::variant<std::monostate, bool, std::uint64_t, double, std::string, std::vector<std::string>, Unfit>;

struct ConfigKey {
  std::string_view section = {}, name = {};
  ValueType type = ValueType::text;
  std::string_view allowed = {};               // "an integer from 1 to 2147483647"
  double least = 0, most = 0;                  // numbers, integers, booleans as 0 and 1
  bool above_least = false;                    // numbers: `least` itself is not allowed
  std::vector<std::string_view> choices = {};  // texts: any if empty
  ConfigValue fallback = {};                   // built-in value
  Trust trust = Trust::anyone;
  std::string_view option = {};  // the option that sets it, without dashes; empty for none
  std::string_view help = {};
};

// The table (config_key_table.cc). Not to be used while objects at namespace scope are being initialised.
std::span<const ConfigKey> config_keys();
// The keys of every section [inputs.NAME]: texts, or numbers given as such.
std::span<const ConfigKey> input_keys();

std::string path_of(const ConfigKey& key);      // "compression.max_rank"
std::string variable_of(const ConfigKey& key);  // "TT_COMPRESSION_MAX_RANK"
// Position in config_keys() of "compression.max_rank".
std::optional<std::size_t> find_key(std::string_view path);

// Why `value` is not allowed ("is 0, but must be an integer from 1 to 65536"), or empty.
std::string problem_of(const ConfigKey& key, const ConfigValue& value);
// The same for a key of an input.
std::string problem_of_input(const ConfigKey& key, const ConfigValue& value);
// Reads text of an option or a variable; lists are separated by commas. Never throws: a value of the wrong
// kind comes back as text, which problem_of() refuses.
ConfigValue value_from_text(const ConfigKey& key, const std::string& text);
// True if `value` may not stand in an untrusted ./tt.toml.
bool needs_trust(const ConfigKey& key, const ConfigValue& value);
// As in TOML: "text" quoted, lists in brackets; "" for monostate.
std::string toml_text(const ConfigValue& value);

// A built-in preset: values by key path.
struct Preset {
  std::string_view name;
  double target_ratio;
  std::uint64_t max_rank;
  double epsilon;
  std::string_view svd_method;
};
const std::vector<Preset>& presets();

}  // namespace tt::cli
