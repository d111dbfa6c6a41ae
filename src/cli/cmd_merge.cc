#include "base/error.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/input_options.h"
#include "cli/merge_report.h"
#include "cli/option_values.h"
#include "cli/report_text.h"
#include "cli/same_file.h"
#include "cli/standard_output.h"
#include "pipeline/merge.h"

namespace tt::cli {
namespace {

using base::Error;
using base::ErrorKind;
using pipeline::MergeOptions;

constexpr std::string_view kName = "merge";

[[noreturn]] void throw_usage(const std::string& message) {
  throw Error(ErrorKind::usage, message, help_hint(kName));
}

// "3,1": one number a model.
std::vector<double> weights_of(const Arguments& arguments) {
  const std::string* const text = arguments.value("weights");
  std::vector<double> weights;
  if (!text) return weights;
  for (std::size_t begin = 0; begin <= text->size();) {
    const std::size_t end = std::min(text->find(',', begin), text->size());
    const std::optional<double> weight = parse_number(std::string_view(*text).substr(begin, end - begin));
    if (!weight || *weight < 0) OptionValue{kName, "weights", *text}.refuse("numbers of at least 0, as 3,1");
    weights.push_back(*weight);
    begin = end + 1;
  }
  return weights;
}

void set_samples(const Invocation& invocation, pipeline::QualityLimits& limits) {
  const Arguments& arguments = invocation.arguments;
  limits.calib = arguments.text("calib");
  for (const std::string_view option : {"input", "mask-input", "task"})
    if (limits.calib.empty() && arguments.has(option))
      throw_usage("option --" + std::string(option) + " needs --calib samples");
  limits.inputs = input_mappings(invocation);
  limits.mask_input = arguments.text("mask-input");
  limits.task = wished_task(invocation.config);
}

void set_files(const Invocation& invocation, MergeOptions& options) {
  options.inputs = invocation.arguments.positional();
  pipeline::CompressOptions& how = options.compress;
  how.output = invocation.arguments.text("output");
  if (how.output.empty()) throw_usage("no output given");
  for (const std::string& input : options.inputs) {
    if (input.empty()) throw_usage("a file name is empty");
    if (input == "-") throw_usage("models to average are files, not standard input");
    check_output(kName, "output", input, how.output);
  }
  if (!how.limits.calib.empty()) check_output(kName, "output", how.limits.calib, how.output);
  check_standard_output(invocation, how.output);
}

MergeOptions make_options(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  if (!arguments.has("average")) throw_usage("say how models are merged: --average is the only way so far");
  MergeOptions options;
  options.weights = weights_of(arguments);
  pipeline::CompressOptions& how = options.compress;
  set_samples(invocation, how.limits);
  set_files(invocation, options);
  if (arguments.has("target-ratio")) how.target_ratio = invocation.config.number("compression.target_ratio");
  if (const std::string* bytes = arguments.value("target-bytes"))
    how.target_bytes = OptionValue{kName, "target-bytes", *bytes}.bytes();
  how.generate = invocation.config.flag("compression.generate") && !arguments.has("no-generate");
  how.fold = invocation.config.flag("compression.fold");
  how.allow_symlinks = arguments.has("allow-symlinks");
  how.max_memory = invocation.common.max_memory;
  how.threads = invocation.common.threads;
  if (const std::string* seed = arguments.value("seed"))
    how.seed = OptionValue{kName, "seed", *seed}.integer(0, UINT64_MAX);
  return options;
}

void run(const Invocation& invocation) {
  const MergeOptions options = make_options(invocation);
  ProgressBar progress(invocation.common.progress, standard_error_traits());
  const pipeline::MergeReport report = pipeline::merge(options, progress);
  if (invocation.common.json) return print(merge_json(report).dump(2) + "\n");
  if (!invocation.common.quiet) talk(merge_text(report, invocation.common.verbose));
}

}  // namespace

Command merge_command() {
  Command command;
  command.name = kName;
  command.summary = "average several models of one architecture into one .tt file";
  command.synopsis = {"merge --average [OPTIONS] A.tt B.tt ... -o OUT.tt"};
  command.description =
      "Decodes the models (.tt, ONNX or safetensors), takes the weighted mean of their float tensors, and\n"
      "compresses that as tt compress does, in no more bytes than the largest of them unless a goal is\n"
      "given. Graphs, integers and shapes must be the same; what differs is named. The manifest records\n"
      "the sha256 and the share of every model.";
  command.options = {
      {.name = "output",
       .letter = 'o',
       .value = "FILE",
       .help = "the .tt file to write, - for standard output"},
      {.name = "average", .help = "the weighted mean of all float tensors"},
      {.name = "weights", .value = "LIST", .help = "one number a model, as 3,1; all alike if not given"},
      {.name = "target-ratio",
       .value = "R",
       .help = "bytes out / bytes of the dense average, 0 < R <= 1, never exceeded"},
      {.name = "target-bytes", .value = "N", .help = "largest output, e.g. 3000000, 3MB, 2.5MiB"},
      {.name = "calib", .value = "FILE", .help = "samples: what the layers of the average see"},
      kInputOption,
      {.name = "mask-input", .value = "NAME", .help = "leave out positions where this input is 0"},
      kTaskOption,
      {.name = "no-generate", .help = "without --calib: do not run the average on generated inputs"},
      {.name = "seed", .value = "N", .help = "recorded seed of everything random"},
      {.name = "allow-symlinks", .help = "follow symbolic links to external data files"},
  };
  command.examples = {"tt merge --average clinic1.tt clinic2.tt -o both.tt",
                      "tt merge --average --weights 3000,1000 a.tt b.tt -o mean.tt --target-bytes 400kB"};
  command.run = run;
  return command;
}

}  // namespace tt::cli
