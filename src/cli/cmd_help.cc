#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/help_text.h"
#include "cli/standard_output.h"

namespace tt::cli {
namespace {

void run_help(const Invocation& invocation) {
  const std::vector<std::string>& given = invocation.arguments.positional();
  if (given.size() > 1)
    throw base::Error(base::ErrorKind::usage,
                      "one COMMAND is expected, but " + base::quoted(given[1]) + " is given as well",
                      help_hint("help"));
  print(given.empty() ? overview_text() : help_text(command_named(given[0])));
}

void run_version(const Invocation& invocation) {
  if (!invocation.arguments.positional().empty())
    throw base::Error(base::ErrorKind::usage, "tt version takes no argument", help_hint("version"));
  if (!invocation.common.json) return print(version_text());
  print(base::Json(base::JsonObject{{"version", base::Json(TT_VERSION)}}).dump(2) + "\n");
}

}  // namespace

Command help_command() {
  Command command;
  command.name = "help";
  command.summary = "show help, of a command if one is named";
  command.synopsis = {"help [COMMAND]"};
  command.description = "'tt help COMMAND' says the same as 'tt COMMAND --help'.";
  command.uses_config = false;
  command.run = run_help;
  return command;
}

Command version_command() {
  Command command;
  command.name = "version";
  command.summary = "show the version";
  command.synopsis = {"version"};
  command.description = "Prints the version of tt.";
  command.uses_config = false;
  command.run = run_version;
  return command;
}

}  // namespace tt::cli
