// The commands of tt in one explicit table. A new one is a file cmd_x.cc, its declaration here and its row in
// commands.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/common_options.h"

namespace tt::cli {

struct Command {
  std::string_view name, summary;          // one line each
  std::vector<std::string_view> synopsis;  // "compress [OPTIONS] MODEL -o OUT.tt"
  std::string_view description;            // lines of at most 90 characters
  std::vector<OptionSpec> options;         // beyond the common ones
  std::vector<std::string_view> examples;
  bool uses_config = true;  // load the configuration before run()
  void (*run)(const Invocation& invocation) = nullptr;
};

Command analyze_command();
Command calibrate_command();
Command compress_command();
Command config_command();
Command decompress_command();
Command edit_command();
Command help_command();
Command inspect_command();
Command merge_command();
Command verify_command();
Command version_command();

const std::vector<Command>& commands();
// Null if there is none of this name.
const Command* find_command(std::string_view name);
// Errors: usage, with a close name in the hint.
const Command& command_named(std::string_view name);

// Common options and the command's.
std::vector<OptionSpec> all_options(const Command& command);

// Runs `tt` with the arguments after the program's name; what cannot be done is thrown.
void run_tt(const std::vector<std::string>& arguments);

}  // namespace tt::cli
