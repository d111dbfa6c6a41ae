#include "cli/common_options.h"

#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/option_values.h"

namespace tt::cli {
namespace {

using base::Error;
using base::ErrorKind;

ProgressMode progress_mode(std::string_view command, const Arguments& arguments, bool quiet) {
  const std::string* text = arguments.value("progress");
  if (!text) return quiet ? ProgressMode::never : ProgressMode::automatic;
  const std::string mode = OptionValue{command, "progress", *text}.choice({"auto", "always", "never"});
  if (mode == "always") return ProgressMode::always;
  return mode == "never" || quiet ? ProgressMode::never : ProgressMode::automatic;
}

void set_up_log(const Arguments& arguments, const Config& config, const Common& common) {
  std::string level = config.text("logging.level");
  if (!arguments.has("log-level")) {
    if (common.quiet) level = "error";
    if (common.verbose && level != "debug") level = "info";
  }
  base::configure_log(level, config.text("logging.format"));
}

ConfigValue option_value(const ConfigKey& key, const Arguments& arguments) {
  if (key.type == ValueType::patterns) return arguments.values(key.option);
  return value_from_text(key, *arguments.value(key.option));
}

}  // namespace

const std::vector<OptionSpec>& common_options() {
  static const std::vector<OptionSpec> kOptions = {
      {.name = "help", .letter = 'h', .help = "show this help and exit"},
      {.name = "version", .letter = 'V', .help = "show the version and exit"},
      {.name = "config", .value = "FILE", .help = "read this configuration file as well, as a trusted one"},
      {.name = "no-config", .help = "read no configuration file"},
      {.name = "json", .help = "report as JSON on standard output"},
      {.name = "quiet", .letter = 'q', .help = "no report and no warnings on standard error"},
      {.name = "verbose", .letter = 'v', .help = "say more, e.g. list every weight"},
      {.name = "progress", .value = "WHEN", .help = "auto (on a terminal), always or never"},
      {.name = "threads",
       .letter = 'j',
       .value = "N",
       .help = "worker threads, 0 to 1024; 0: one a processor"},
      {.name = "max-memory", .value = "BYTES", .help = "fail rather than use more memory, e.g. 2GiB"},
      {.name = "log-level", .value = "LEVEL", .help = "error, warn, info or debug"},
      {.name = "log-format", .value = "FORMAT", .help = "text or json (one object a line)"},
  };
  return kOptions;
}

ConfigSources config_sources(std::string_view command, const Arguments& arguments) {
  if (arguments.has("config") && arguments.has("no-config"))
    throw Error(ErrorKind::usage, "options --config and --no-config exclude each other", help_hint(command));
  return {arguments.text("config"), !arguments.has("no-config")};
}

void apply_options(std::string_view command, const std::vector<OptionSpec>& specs, const Arguments& arguments,
                   Config& config) {
  const auto accepts = [&](std::string_view option) {
    for (const auto* list : {&specs, &common_options()})
      for (const OptionSpec& spec : *list)
        if (spec.name == option) return true;
    return false;
  };
  std::vector<Assignment> layer;
  for (std::size_t i = 0; i < config_keys().size(); ++i) {
    const ConfigKey& key = config_keys()[i];
    if (key.option.empty() || !accepts(key.option) || !arguments.has(key.option)) continue;
    layer.push_back({i, option_value(key, arguments), "--" + std::string(key.option)});
  }
  config.apply(layer, ErrorKind::usage, help_hint(command));
}

Common set_up(std::string_view command, const Arguments& arguments, const Config& config) {
  Common common;
  common.json = arguments.has("json");
  common.quiet = arguments.has("quiet");
  common.verbose = arguments.has("verbose");
  if (common.quiet && common.verbose)
    throw Error(ErrorKind::usage, "options --quiet and --verbose exclude each other", help_hint(command));
  common.progress = progress_mode(command, arguments, common.quiet);
  const bool one_thread = !arguments.has("threads") && !config.flag("compression.parallel");
  common.threads =
      one_thread ? 1 : static_cast<unsigned>(config.integer("compression.num_threads").value_or(0));
  if (const std::string* text = arguments.value("max-memory"))
    common.max_memory = OptionValue{command, "max-memory", *text}.bytes();
  set_up_log(arguments, config, common);
  if (common.max_memory > 0) base::limit_heap(common.max_memory);
  return common;
}

std::string only_argument(const Invocation& invocation, std::string_view what) {
  const std::vector<std::string>& given = invocation.arguments.positional();
  if (given.empty() || given.front().empty())
    throw Error(ErrorKind::usage, "no " + std::string(what) + " given", help_hint(invocation.command));
  if (given.size() > 1)
    throw Error(
        ErrorKind::usage,
        "one " + std::string(what) + " is expected, but " + base::quoted(given[1]) + " is given as well",
        help_hint(invocation.command));
  return given.front();
}

void check_standard_output(const Invocation& invocation, const std::string& output) {
  if (output != "-") return;
  if (invocation.common.json)
    throw Error(ErrorKind::usage, "the JSON report and the data cannot both go to standard output",
                "write the data to a file, or leave --json out; " + help_hint(invocation.command));
  if (::isatty(STDOUT_FILENO) == 1)
    throw Error(ErrorKind::usage, "standard output is a terminal, but the data is binary",
                "redirect it, or give a file by -o");
}

}  // namespace tt::cli
