// tt.toml to assignments. toml++ is only given what it takes safely: its parser recurses once a dotted part
// (87,000 parts end its stack), so size and dots a line are bounded first.
#include <toml++/toml.h>

#include <algorithm>

#include "base/input_file.h"
#include "base/text.h"
#include "cli/config.h"

namespace tt::cli {
namespace {

using base::Error;
using base::ErrorKind;

constexpr std::uint64_t kMaxBytes = 64 * 1024;
constexpr int kMaxDots = 32;

const std::string kHint = "see 'man 5 tt.toml' or 'tt help config'";

std::string read_text(const std::string& path) {
  const base::InputFile file = base::InputFile::open(path);
  if (file.size() > kMaxBytes)
    throw Error(ErrorKind::config,
                base::printable(path) + ": the file has " + std::to_string(file.size()) +
                    " bytes, but a configuration may have at most " + std::to_string(kMaxBytes),
                kHint);
  const base::Bytes bytes = file.read_bytes(0, file.size());
  return std::string(base::text_of(bytes));
}

void check_dots(const std::string& text, const std::string& path) {
  int line = 1, dots = 0;
  for (const char letter : text) {
    if (letter == '\n') ++line, dots = 0;
    if (letter == '.' && ++dots > kMaxDots)
      throw Error(ErrorKind::config,
                  base::printable(path) + ":" + std::to_string(line) + ": more than " +
                      std::to_string(kMaxDots) + " dots in one line",
                  kHint);
  }
}

toml::table parse_toml(const std::string& text, const std::string& path) {
  try {
    return toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    const std::string reason(error.description());
    throw Error(ErrorKind::config,
                base::printable(path) + ":" + std::to_string(error.source().begin.line) + ": not TOML, " +
                    base::printable(reason),
                kHint);
  }
}

std::string origin_of(const std::string& path, const toml::node& node) {
  return base::printable(path) + ":" + std::to_string(node.source().begin.line);
}

// Values that fit no type of ours say what they are; problem_of() then refuses them.
ConfigValue value_of(const toml::node& node, ValueType type) {
  if (const auto* flag = node.as_boolean()) return flag->get();
  if (const auto* text = node.as_string()) {
    if (type == ValueType::texts) return std::vector<std::string>{text->get()};
    return text->get();
  }
  if (const auto* number = node.as_floating_point()) return number->get();
  if (const auto* integer = node.as_integer()) {
    if (type == ValueType::number || integer->get() < 0) return static_cast<double>(integer->get());
    return static_cast<std::uint64_t>(integer->get());
  }
  const toml::array* array = node.as_array();
  if (!array) return Unfit{node.is_table() ? "a table" : "a date or time"};
  std::vector<std::string> texts;
  for (const toml::node& item : *array) {
    if (!item.is_string()) return Unfit{"a list of other values"};
    texts.push_back(item.as_string()->get());
  }
  return texts;
}

[[noreturn]] void throw_unknown(const std::string& origin, const std::string& what, const std::string& path,
                                const std::vector<std::string>& known) {
  const std::optional<std::string> close = base::closest(path, known);
  throw Error(ErrorKind::config, origin + ": unknown " + what + " " + base::quoted(path),
              (close ? "did you mean " + *close + "? " : "") + kHint);
}

std::vector<std::string> known_sections() {
  std::vector<std::string> sections;
  for (const ConfigKey& key : config_keys())
    if (sections.empty() || sections.back() != key.section) sections.emplace_back(key.section);
  sections.emplace_back("inputs");
  return sections;
}

std::vector<std::string> known_paths() {
  std::vector<std::string> paths;
  for (const ConfigKey& key : config_keys()) paths.push_back(path_of(key));
  return paths;
}

std::vector<std::string> known_input_paths(const std::string& section) {
  std::vector<std::string> paths;
  for (const ConfigKey& key : input_keys()) paths.push_back(section + "." + std::string(key.name));
  return paths;
}

struct Line {
  toml::source_index number;
  Assignment assignment;
};

void collect_section(const std::string& path, const std::string& section, const toml::table& table,
                     std::vector<Line>& lines) {
  for (const auto& [name, node] : table) {
    const std::string key_path = section + "." + std::string(name.str());
    const std::optional<std::size_t> key = find_key(key_path);
    if (!key) throw_unknown(origin_of(path, node), "key", key_path, known_paths());
    lines.push_back({node.source().begin.line,
                     {*key, value_of(node, config_keys()[*key].type), origin_of(path, node), ""}});
  }
}

[[noreturn]] void throw_no_section(const std::string& origin, const std::string& section) {
  throw Error(ErrorKind::config, origin + ": " + section + " must be a section, [" + section + "]", kHint);
}

// Numbers stand for their texts.
ConfigValue input_value(const toml::node& node) {
  const ConfigValue value = value_of(node, ValueType::number);
  return std::holds_alternative<double>(value) ? ConfigValue(toml_text(value)) : value;
}

void collect_input(const std::string& path, const std::string& input, const toml::table& table,
                   std::vector<Line>& lines) {
  const std::string section = "inputs." + base::printable(input);
  for (const auto& [name, node] : table) {
    const auto keys = input_keys();
    const auto key = std::find_if(keys.begin(), keys.end(),
                                  [&](const ConfigKey& known) { return known.name == name.str(); });
    if (key == keys.end())
      throw_unknown(origin_of(path, node), "key", section + "." + std::string(name.str()),
                    known_input_paths(section));
    lines.push_back(
        {node.source().begin.line,
         {static_cast<std::size_t>(key - keys.begin()), input_value(node), origin_of(path, node), input}});
  }
}

void collect_inputs(const std::string& path, const toml::table& table, std::vector<Line>& lines) {
  for (const auto& [name, node] : table) {
    const toml::table* input = node.as_table();
    if (!input || name.str().empty())
      throw_no_section(origin_of(path, node), "inputs." + base::printable(name.str()));
    collect_input(path, std::string(name.str()), *input, lines);
  }
}

}  // namespace

std::vector<Assignment> read_config_file(const std::string& path) {
  const std::string text = read_text(path);
  check_dots(text, path);
  const toml::table root = parse_toml(text, path);
  std::vector<Line> lines;
  const std::vector<std::string> sections = known_sections();
  for (const auto& [name, node] : root) {
    const std::string section(name.str());
    if (std::find(sections.begin(), sections.end(), section) == sections.end())
      throw_unknown(origin_of(path, node), node.is_table() ? "section" : "key", section, sections);
    const toml::table* table = node.as_table();
    if (!table) throw_no_section(origin_of(path, node), section);
    if (section == "inputs")
      collect_inputs(path, *table, lines);
    else
      collect_section(path, section, *table, lines);
  }
  std::stable_sort(lines.begin(), lines.end(),
                   [](const Line& a, const Line& b) { return a.number < b.number; });
  std::vector<Assignment> assignments;
  for (Line& line : lines) assignments.push_back(std::move(line.assignment));
  return assignments;
}

}  // namespace tt::cli
