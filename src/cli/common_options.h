// What every command accepts, and what a command gets to run.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/config.h"
#include "cli/options.h"
#include "cli/progress_bar.h"

namespace tt::cli {

struct Common {
  bool json = false, quiet = false, verbose = false;
  ProgressMode progress = ProgressMode::automatic;
  unsigned threads = 0;          // 0: one a processor
  std::uint64_t max_memory = 0;  // bytes, 0: no limit
};

struct Invocation {
  std::string_view command;
  Arguments arguments;
  Config config;
  Common common;
};

const std::vector<OptionSpec>& common_options();

// Configuration files to use. Errors: usage (--config with --no-config).
ConfigSources config_sources(std::string_view command, const Arguments& arguments);

// The options of the command line that set configuration keys, as the last layer of `config`: common ones and
// those in `specs`. Errors: usage.
void apply_options(std::string_view command, const std::vector<OptionSpec>& specs, const Arguments& arguments,
                   Config& config);

// Reads the common options, sets up the log and the memory limit. Errors: usage.
Common set_up(std::string_view command, const Arguments& arguments, const Config& config);

// The only positional argument. Errors: usage if there is none or more than one; `what` names it ("MODEL").
std::string only_argument(const Invocation& invocation, std::string_view what);

// Errors: usage if data and the JSON report would share standard output, or data would go to a terminal.
void check_standard_output(const Invocation& invocation, const std::string& output);

}  // namespace tt::cli
