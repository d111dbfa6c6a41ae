#include "base/error.h"
#include "base/text.h"
#include "cli/calibrate_report.h"
#include "cli/commands.h"
#include "cli/input_options.h"
#include "cli/option_values.h"
#include "cli/report_text.h"
#include "cli/same_file.h"
#include "cli/standard_output.h"
#include "pipeline/calibrate.h"

namespace tt::cli {
namespace {

using base::Error;
using base::ErrorKind;
using pipeline::CalibrateOptions;

constexpr std::string_view kName = "calibrate";

[[noreturn]] void throw_usage(const std::string& message) {
  throw Error(ErrorKind::usage, message, help_hint(kName));
}

std::uint64_t number(const Arguments& arguments, std::string_view option, std::uint64_t least,
                     std::uint64_t most, std::uint64_t fallback) {
  const std::string* text = arguments.value(option);
  return text ? OptionValue{kName, option, *text}.integer(least, most) : fallback;
}

void set_files(const Arguments& arguments, CalibrateOptions& options) {
  const std::vector<std::string>& given = arguments.positional();
  if (arguments.has("merge")) {
    if (given.size() < 2) throw_usage("--merge needs two or more .ttcal files");
    options.merge = given;
  } else {
    if (given.size() != 2)
      throw_usage(given.size() < 2 ? "MODEL and SAMPLES are needed"
                                   : "unexpected argument " + base::quoted(given[2]));
    options.model = given[0];
    options.samples = given[1];
  }
  for (const std::string& path : given) {
    if (path.empty()) throw_usage("a file name is empty");
    check_output(kName, "output", path, options.output);
  }
}

// What a merge cannot be given: it takes everything from its files.
void check_merge(const Arguments& arguments) {
  if (!arguments.has("merge")) return;
  for (const std::string_view option : {"input", "mask-input", "max-samples", "no-samples", "no-sensitivity",
                                        "resume", "checkpoint", "seed", "task", "isolate", "allow-symlinks"})
    if (arguments.has(option))
      throw_usage("options --merge and --" + std::string(option) + " exclude each other");
}

CalibrateOptions make_options(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  CalibrateOptions options;
  options.output = arguments.text("output");
  if (options.output.empty()) throw_usage("no output given");
  check_merge(arguments);
  set_files(arguments, options);
  options.inputs = input_mappings(invocation);
  options.mask_input = arguments.text("mask-input");
  if (const std::string task = invocation.config.text("verify.task"); task != "auto") options.task = task;
  options.max_samples = number(arguments, "max-samples", 1, UINT64_MAX, 0);
  options.keep_samples = !arguments.has("no-samples");
  options.sensitivities = !arguments.has("no-sensitivity");
  options.resume = arguments.has("resume");
  options.checkpoint_seconds = static_cast<double>(number(arguments, "checkpoint", 0, 86400, 60));
  options.isolate = arguments.has("isolate");
  options.allow_symlinks = arguments.has("allow-symlinks");
  options.seed = number(arguments, "seed", 0, UINT64_MAX, 0);
  options.max_memory = invocation.common.max_memory;
  options.threads = invocation.common.threads;
  if (options.resume && options.output == "-") throw_usage("--resume needs an output file");
  if (options.merge.empty() && options.model == "-" && options.samples == "-")
    throw_usage("only one of the files can be standard input");
  check_standard_output(invocation, options.output);
  return options;
}

void run(const Invocation& invocation) {
  const CalibrateOptions options = make_options(invocation);
  ProgressBar progress(invocation.common.progress, standard_error_traits());
  const pipeline::CalibrateReport report = pipeline::calibrate(options, progress);
  if (invocation.common.json) print(calibrate_json(report).dump(2) + "\n");
  if (invocation.common.quiet) return;
  for (const std::string& warning : report.warnings) talk("tt: warning: " + warning + "\n");
  if (!invocation.common.json) talk(calibrate_text(report, invocation.common.verbose));
}

}  // namespace

Command calibrate_command() {
  Command command;
  command.name = kName;
  command.summary = "learn from samples what matters in a model, for compress --calib";
  command.synopsis = {"calibrate [OPTIONS] MODEL SAMPLES -o OUT.ttcal",
                      "calibrate --merge A.ttcal B.ttcal ... -o OUT.ttcal"};
  command.description =
      "Runs MODEL on SAMPLES (.npz, .npy, safetensors or a folder of ONNX test data) and writes down what "
      "its\n"
      "layers see, how much the output suffers from an error in each weight, and a few samples that were\n"
      "kept out of both. Some hundred samples suffice; they should look like those of later use. OUT.part\n"
      "lies beside OUT.ttcal while the work lasts, so that it can go on after an interruption. Parts of\n"
      "a large set that were calibrated apart are merged to what one run over all would have given.";
  command.options = {
      {.name = "output", .letter = 'o', .value = "FILE", .help = "the .ttcal file, - for standard output"},
      {.name = "merge", .help = "merge .ttcal files of one model, in any order"},
      {.name = "resume", .help = "go on from OUT.part if it is there"},
      {.name = "checkpoint",
       .value = "SECONDS",
       .help = "time between writings of OUT.part, 60 if not given"},
      {.name = "no-samples", .help = "hold no samples out, and keep none in the file"},
      {.name = "no-sensitivity", .help = "do not measure what an error in each weight does to the output"},
      {.name = "max-samples", .value = "N", .help = "use the first N samples"},
      kInputOption,
      {.name = "mask-input", .value = "NAME", .help = "leave out positions where this input is 0"},
      kTaskOption,
      {.name = "seed", .value = "N", .help = "seed of everything random"},
      {.name = "isolate", .help = "run the model in a child process, so that a crash of it is an error"},
      {.name = "allow-symlinks", .help = "follow symbolic links to external data files"},
  };
  command.examples = {"tt calibrate model.onnx samples.npz -o model.ttcal",
                      "tt calibrate model.onnx images.npy --input x:scale=1/255,shape=N,784 -o model.ttcal",
                      "tt calibrate --merge monday.ttcal tuesday.ttcal -o week.ttcal"};
  command.run = run;
  return command;
}

}  // namespace tt::cli
