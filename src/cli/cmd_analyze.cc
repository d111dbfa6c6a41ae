#include "base/error.h"
#include "base/text.h"
#include "cli/analysis_report.h"
#include "cli/commands.h"
#include "cli/input_options.h"
#include "cli/option_values.h"
#include "cli/report_text.h"
#include "cli/standard_output.h"
#include "pipeline/analyze.h"

namespace tt::cli {
namespace {

using base::Error;
using base::ErrorKind;
using pipeline::AnalyzeOptions;

constexpr std::string_view kName = "analyze";
constexpr std::uint64_t kTop = 10;
constexpr std::size_t kMaxErrors = 16;

// 0.3,0.1,0.03
std::vector<double> errors_of(const std::string& text) {
  std::vector<double> errors;
  std::size_t start = 0;
  while (start <= text.size()) {
    const std::size_t end = std::min(text.find(',', start), text.size());
    const std::optional<double> error = parse_number(std::string_view(text).substr(start, end - start));
    if (!error || !(*error > 0 && *error < 1) || errors.size() == kMaxErrors)
      OptionValue{kName, "errors", text}.refuse(
          "1 to 16 numbers above 0 and below 1 with commas between them");
    errors.push_back(*error);
    start = end + 1;
  }
  return errors;
}

void check_samples(const Arguments& arguments) {
  if (arguments.has("calib")) return;
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
  options.labels = arguments.text("labels");
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
  if (const std::string* errors = arguments.value("errors")) options.errors = errors_of(*errors);
  options.fold = config.flag("compression.fold") && !arguments.has("no-fold");
  options.generate = config.flag("compression.generate") && !arguments.has("no-generate");
  if (const std::string* seed = arguments.value("seed"))
    options.seed = OptionValue{kName, "seed", *seed}.integer(0, UINT64_MAX);
  options.max_memory = invocation.common.max_memory;
  options.threads = invocation.common.threads;
  options.allow_symlinks = arguments.has("allow-symlinks");
  return options;
}

void run(const Invocation& invocation) {
  const AnalyzeOptions options = make_options(invocation);
  const std::string* given = invocation.arguments.value("top");
  const std::uint64_t top = given ? OptionValue{kName, "top", *given}.integer(0, UINT64_MAX) : kTop;
  ProgressBar progress(invocation.common.progress, standard_error_traits());
  const pipeline::AnalyzeReport report = pipeline::analyze(options, progress);
  if (!invocation.common.quiet)
    for (const std::string& warning : report.warnings) talk("tt: warning: " + warning + "\n");
  print(invocation.common.json ? analysis_json(report, top).dump(2) + "\n"
                               : analysis_text(report, top, invocation.common.verbose));
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
      "they are, as compress does. Nothing is written.";
  command.options = {
      {.name = "calib", .value = "FILE", .help = "samples or a .ttcal file: what the layers see"},
      kInputOption,
      {.name = "mask-input", .value = "NAME", .help = "leave out positions where this input is 0"},
      kTaskOption,
      {.name = "labels", .value = "FILE", .help = "names of the outputs or inputs of layers, one a line"},
      {.name = "include", .value = "PATTERN", .help = "only weights that match", .repeatable = true},
      {.name = "exclude", .value = "PATTERN", .help = "leave out weights that match", .repeatable = true},
      {.name = "errors", .value = "LIST", .help = "errors to price, 0.3,0.1,0.03 if not given"},
      {.name = "top", .value = "N", .help = "lines of every table, 10 if not given, 0 for all"},
      {.name = "no-fold", .help = "take BatchNormalization and constant nodes as they are"},
      {.name = "no-generate", .help = "without --calib: do not run the model on generated inputs"},
      {.name = "seed", .value = "N", .help = "seed of everything random"},
      {.name = "allow-symlinks", .help = "follow symbolic links to external data files"},
  };
  command.examples = {"tt analyze model.onnx",
                      "tt analyze model.onnx --calib samples.npz --labels classes.txt -v",
                      "tt analyze model.onnx --include role:ffn --errors 0.2,0.05 --json | jq .order",
                      "tt analyze model.tt --top 0"};
  command.run = run;
  return command;
}

}  // namespace tt::cli
