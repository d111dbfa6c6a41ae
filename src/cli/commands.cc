#include "cli/commands.h"

#include <cstdio>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "cli/help_text.h"
#include "cli/standard_output.h"

namespace tt::cli {
namespace {

using base::Error;
using base::ErrorKind;

// True if the token is an option whose value is the next token, in any command.
bool takes_next(std::string_view token) {
  const auto matches = [&](const OptionSpec& spec) {
    if (spec.value.empty()) return false;
    if (token.starts_with("--")) return token.substr(2) == spec.name;
    return token.size() == 2 && token[1] == spec.letter;
  };
  for (const Command& command : commands())
    for (const OptionSpec& spec : all_options(command))
      if (matches(spec)) return true;
  return false;
}

// Options may stand before the command: the command is the first token that is neither an option nor an
// option's value.
std::optional<std::size_t> command_position(const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--") return i + 1 < arguments.size() ? std::optional(i + 1) : std::nullopt;
    if (!arguments[i].starts_with('-') || arguments[i] == "-") return i;
    if (takes_next(arguments[i])) ++i;
  }
  return std::nullopt;
}

void run_without_command(const std::vector<std::string>& arguments) {
  const Arguments given = parse_arguments("", common_options(), arguments);
  if (given.has("help")) return print(overview_text());
  if (given.has("version")) return print(version_text());
  std::fputs(usage_text().c_str(), stderr);
  throw Error(ErrorKind::usage, "no command given", help_hint(""));
}

}  // namespace

const std::vector<Command>& commands() {
  static const std::vector<Command> kCommands = {
      compress_command(), decompress_command(), inspect_command(), verify_command(),
      analyze_command(),  calibrate_command(),  edit_command(),    merge_command(),
      config_command(),   help_command(),       version_command()};
  return kCommands;
}

const Command* find_command(std::string_view name) {
  for (const Command& command : commands())
    if (command.name == name) return &command;
  return nullptr;
}

const Command& command_named(std::string_view name) {
  if (const Command* command = find_command(name)) return *command;
  std::vector<std::string> known;
  for (const Command& command : commands()) known.emplace_back(command.name);
  const std::optional<std::string> close = base::closest(name, known);
  throw Error(ErrorKind::usage, "unknown command " + base::quoted(name),
              (close ? "did you mean 'tt " + *close + "'? " : "") + help_hint(""));
}

std::vector<OptionSpec> all_options(const Command& command) {
  std::vector<OptionSpec> options = command.options;
  options.insert(options.end(), common_options().begin(), common_options().end());
  return options;
}

void run_tt(const std::vector<std::string>& arguments) {
  const std::optional<std::size_t> position = command_position(arguments);
  if (!position) return run_without_command(arguments);
  const Command& command = command_named(arguments[*position]);
  std::vector<std::string> rest = arguments;
  rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(*position));

  Invocation invocation;
  invocation.command = command.name;
  invocation.arguments = parse_arguments(command.name, all_options(command), rest);
  if (invocation.arguments.has("help")) return print(help_text(command));
  if (invocation.arguments.has("version")) return print(version_text());
  const ConfigSources sources = config_sources(command.name, invocation.arguments);
  if (command.uses_config) invocation.config = load_config(sources);
  apply_options(command.name, command.options, invocation.arguments, invocation.config);
  invocation.common = set_up(command.name, invocation.arguments, invocation.config);
  command.run(invocation);
}

}  // namespace tt::cli
