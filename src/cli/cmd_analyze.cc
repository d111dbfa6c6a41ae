#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "cli/analysis_report.h"
#include "cli/commands.h"
#include "cli/input_options.h"
#include "cli/option_values.h"
#include "cli/report_options.h"
#include "cli/report_text.h"
#include "cli/standard_output.h"
#include "cli/sweep_options.h"
#include "cli/sweep_report.h"
#include "pipeline/analyze.h"

namespace tt::cli {
namespace {

using base::Error;
using base::ErrorKind;
using pipeline::AnalyzeOptions;

constexpr std::string_view kName = "analyze";
constexpr std::uint64_t kTop = 10;
constexpr std::size_t kMaxErrors = 16;
constexpr std::uint64_t kDrawnPairs = 8000;  // a page shows more of them than a table

void check_samples(const Arguments& arguments) {
  if (arguments.has("calib") || arguments.has("data")) return;
  for (const std::string_view option : {"input", "mask-input", "task"})
    if (arguments.has(option))
      throw Error(ErrorKind::usage, "option --" + std::string(option) + " needs samples",
                  "add --calib samples.npz");
}

void set_samples(const Invocation& invocation, AnalyzeOptions& options) {
  const Arguments& arguments = invocation.arguments;
  check_samples(arguments);
  options.samples.calib = arguments.text("calib");
  options.samples.inputs = input_mappings(invocation);
  options.samples.mask_input = arguments.text("mask-input");
  options.samples.task = wished_task(invocation.config);
  options.labels = arguments.text("names");
  check_standard_input(kName, {options.model, options.samples.calib, options.labels});
}

AnalyzeOptions make_options(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  const Config& config = invocation.config;
  AnalyzeOptions options;
  options.model = only_argument(invocation, "MODEL");
  set_samples(invocation, options);
  options.include = config.texts("compression.layer_patterns");
  options.exclude = config.texts("compression.exclude_patterns");
  if (const std::string* errors = arguments.value("errors"))
    options.errors = OptionValue{kName, "errors", *errors}.fractions(kMaxErrors);
  options.fold = config.flag("compression.fold") && !arguments.has("no-fold");
  options.generate = config.flag("compression.generate") && !arguments.has("no-generate");
  if (const std::string* seed = arguments.value("seed"))
    options.seed = OptionValue{kName, "seed", *seed}.integer(0, UINT64_MAX);
  options.max_memory = invocation.common.max_memory;
  options.threads = invocation.common.threads;
  options.allow_symlinks = arguments.has("allow-symlinks");
  return options;
}

std::vector<std::string> input_paths(const Arguments& arguments, const AnalyzeOptions& options) {
  return {options.model, options.samples.calib, options.labels, arguments.text("data"),
          arguments.text("labels")};
}

std::optional<pipeline::SweepOptions> wished_sweep(const Invocation& invocation,
                                                   const AnalyzeOptions& options) {
  if (invocation.arguments.has("sweep")) return sweep_options(invocation, options);
  check_no_sweep(invocation.arguments);
  return std::nullopt;
}

void warn(const Invocation& invocation, const std::string& warning) {
  if (!invocation.common.quiet) talk("tt: warning: " + warning + "\n");
}

// What the sweep has to say beside the analysis: both see the same samples.
void add_warnings(const Invocation& invocation, const std::vector<std::string>& more,
                  std::vector<std::string>& warnings) {
  for (const std::string& warning : more) {
    if (std::find(warnings.begin(), warnings.end(), warning) != warnings.end()) continue;
    warn(invocation, warning);
    warnings.push_back(warning);
  }
}

std::uint64_t wished_top(const Arguments& arguments) {
  const std::string* given = arguments.value("top");
  return given ? OptionValue{kName, "top", *given}.integer(0, UINT64_MAX) : kTop;
}

std::string text_of(const pipeline::AnalyzeReport& report, const std::optional<pipeline::SweepReport>& swept,
                    std::uint64_t top, bool verbose) {
  return analysis_text(report, top, verbose) + (swept ? "\n" + sweep_text(*swept) : "");
}

void run(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  const AnalyzeOptions options = make_options(invocation);
  const std::uint64_t top = wished_top(arguments);
  std::vector<std::string> used = input_paths(arguments, options);
  const std::optional<pipeline::SweepOptions> sweeping = wished_sweep(invocation, options);
  SweepFile points(arguments, sweeping, used);
  if (sweeping) used.insert(used.end(), {arguments.text("sweep-out"), sweeping->checkpoint});
  ReportFiles files(kName, arguments, used);
  ProgressBar progress(invocation.common.progress, standard_error_traits());
  pipeline::AnalyzeReport report = pipeline::analyze(options, progress);
  for (const std::string& warning : report.warnings) warn(invocation, warning);
  std::optional<pipeline::SweepReport> swept;
  if (sweeping) {
    swept = pipeline::sweep(*sweeping, progress);
    add_warnings(invocation, swept->warnings, report.warnings);
    points.write(*swept);
  }
  if (files.wanted()) files.write(analysis_json(report, swept, kDrawnPairs));
  points.finish();
  print(invocation.common.json ? analysis_json(report, swept, top).dump(2) + "\n"
                               : text_of(report, swept, top, invocation.common.verbose));
}

}  // namespace

Command analyze_command() {
  Command command;
  command.name = kName;
  command.summary = "show which layers are safe to compress first, and at what rank or rate";
  command.synopsis = {"analyze [OPTIONS] MODEL"};
  command.description =
      "Reads every weight of MODEL (ONNX, safetensors or .tt) and reports its statistics, spectrum, ranks "
      "and\n"
      "dominant patterns, what it costs at several errors and in which encoding, which weights are alike,\n"
      "and in which order compression does least damage. With --calib errors are counted where the layers'\n"
      "inputs show them, and the damage is measured; without it inputs are made up where the model says "
      "what\n"
      "they are, as compress does. --sweep also compresses the whole model to many sizes in several ways "
      "and\n"
      "measures every file on --data, as verify does. No model is written.";
  command.options = {
      {.name = "calib", .value = "FILE", .help = "samples or a .ttcal file: what the layers see"},
      kInputOption,
      {.name = "mask-input", .value = "NAME", .help = "leave out positions where this input is 0"},
      kTaskOption,
      {.name = "names", .value = "FILE", .help = "names of the outputs or inputs of layers, one a line"},
      {.name = "include", .value = "PATTERN", .help = "only weights that match", .repeatable = true},
      {.name = "exclude", .value = "PATTERN", .help = "leave out weights that match", .repeatable = true},
      {.name = "errors", .value = "LIST", .help = "errors to price, 0.3,0.1,0.03 if not given"},
      {.name = "top", .value = "N", .help = "lines of every table, 10 if not given, 0 for all"},
      {.name = "no-fold", .help = "take BatchNormalization and constant nodes as they are"},
      {.name = "no-generate", .help = "without --calib: do not run the model on generated inputs"},
      {.name = "seed", .value = "N", .help = "seed of everything random"},
      {.name = "allow-symlinks", .help = "follow symbolic links to external data files"},
  };
  const std::vector<OptionSpec> sweep = sweep_specs();
  command.options.insert(command.options.end() - 2, sweep.begin(), sweep.end());
  const std::vector<OptionSpec> files = report_options();
  command.options.insert(command.options.end() - 1, files.begin(), files.end());
  command.examples = {"tt analyze model.onnx",
                      "tt analyze model.onnx --calib samples.npz --names classes.txt -v",
                      "tt analyze model.onnx --include role:ffn --errors 0.2,0.05 --json | jq .order",
                      "tt analyze model.onnx --report model.html",
                      "tt analyze model.tt --top 0",
                      "tt analyze model.onnx --sweep --data test.npz --labels y.npy --sweep-out front.csv"};
  command.run = run;
  return command;
}

}  // namespace tt::cli
