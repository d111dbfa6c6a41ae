#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/output_file.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/input_options.h"
#include "cli/junit.h"
#include "cli/report_options.h"
#include "cli/report_text.h"
#include "cli/same_file.h"
#include "cli/standard_output.h"
#include "cli/verify_options.h"
#include "cli/verify_report.h"

namespace tt::cli {
namespace {

using base::Error;
using base::ErrorKind;
using pipeline::VerifyOptions;

constexpr std::string_view kName = "verify";

[[noreturn]] void throw_usage(const std::string& message) {
  throw Error(ErrorKind::usage, message, help_hint(kName));
}

// Created before the work, so that a path that cannot be written is found first.
std::optional<base::OutputFile> create_junit(const Arguments& arguments, const VerifyOptions& options) {
  const std::string* path = arguments.value("junit");
  if (!path) return std::nullopt;
  if (*path == "-") throw_usage("option --junit needs a file, the report goes to standard output");
  for (const std::string* input :
       {&options.original, &options.candidate, &options.data, &options.labels, &options.baseline})
    if (!input->empty()) check_output(kName, "junit", *input, *path);
  return base::OutputFile::create(*path);
}

void write_junit(std::optional<base::OutputFile>& out, const pipeline::VerifyReport& report) {
  if (!out) return;
  out->write(0, base::view_of(junit_xml(report)));
  out->commit();
}

void compare(const Invocation& invocation) {
  const VerifyOptions options = verify_options(invocation);
  std::optional<base::OutputFile> junit = create_junit(invocation.arguments, options);
  ReportFiles files(kName, invocation.arguments,
                    {options.original, options.candidate, options.data, options.labels, options.baseline,
                     invocation.arguments.text("junit")});
  ProgressBar progress(invocation.common.progress, standard_error_traits());
  const pipeline::VerifyReport report = pipeline::verify(options, progress);
  write_junit(junit, report);
  if (files.wanted()) files.write(verify_json(report));
  if (!invocation.common.quiet)
    for (const std::string& warning : report.warnings) talk("tt: warning: " + warning + "\n");
  print(invocation.common.json ? verify_json(report).dump(2) + "\n" : verify_text(report));
  if (!report.passed) throw Error(ErrorKind::gate_failed, failure_text(report));
}

// What no model is run for may only have the option `allowed`.
void refuse_options(const Invocation& invocation, std::string_view allowed) {
  for (const OptionSpec& spec : verify_command().options)
    if (spec.name != allowed && invocation.arguments.has(spec.name))
      throw Error(ErrorKind::usage, "option --" + std::string(spec.name) + " needs two models",
                  "give the original first, then the candidate");
}

void check_rollback(const Invocation& invocation) {
  const std::string rollback = invocation.arguments.text("rollback");
  const std::string file = only_argument(invocation, "FILE");
  refuse_options(invocation, "rollback");
  if (rollback.empty()) throw_usage("a file name is empty");
  check_standard_input(kName, {file, rollback});
  ProgressBar progress(invocation.common.progress, standard_error_traits());
  const pipeline::PairReport report =
      pipeline::check_pair(file, rollback, invocation.common.threads, progress);
  print(invocation.common.json ? pair_json(report).dump(2) + "\n" : pair_text(report));
  if (report.failure.empty()) return;
  throw Error(ErrorKind::gate_failed,
              base::quoted(rollback) + " does not belong to " + base::quoted(file) + ": " + report.failure,
              "give the file that tt compress --rollback wrote with it");
}

void check_one(const Invocation& invocation) {
  refuse_options(invocation, "allow-symlinks");
  ProgressBar progress(invocation.common.progress, standard_error_traits());
  const pipeline::IntegrityReport report =
      pipeline::check_integrity(only_argument(invocation, "FILE"), invocation.arguments.has("allow-symlinks"),
                                invocation.common.threads, progress);
  print(invocation.common.json ? integrity_json(report).dump(2) + "\n" : integrity_text(report));
}

void run(const Invocation& invocation) {
  const std::vector<std::string>& given = invocation.arguments.positional();
  if (given.size() > 2) throw_usage("unexpected argument " + base::quoted(given[2]));
  const bool pair = invocation.arguments.has("rollback");
  if (given.size() == 2 && pair) throw_usage("option --rollback needs one file, and two are given");
  if (given.size() == 2) return compare(invocation);
  if (pair) return check_rollback(invocation);
  check_one(invocation);
}

}  // namespace

Command verify_command() {
  Command command;
  command.name = kName;
  command.summary = "measure a compressed model on your data, or check one file";
  command.synopsis = {"verify [OPTIONS] ORIGINAL CANDIDATE --data FILE", "verify FILE",
                      "verify FILE.tt --rollback FILE"};
  command.description =
      "Runs both models (.tt or ONNX) on the samples and reports how far their outputs, predictions and\n"
      "speed differ. A limit that is not kept is exit status 1; one that cannot be judged is an error, "
      "never\n"
      "a pass. With one FILE: every checksum is checked and every weight decoded; nothing is run. With\n"
      "--rollback also: that file restores exactly what FILE.tt was made from, else exit status 1. Samples\n"
      "are .npz (arrays named as the model's inputs, first axis = samples), .npy, safetensors or a folder\n"
      "of ONNX test data.";
  command.options = {
      {.name = "data", .value = "FILE", .help = "the samples, - for standard input"},
      {.name = "labels", .value = "FILE", .help = "what is right: .npy, or FILE.npz:NAME"},
      kInputOption,
      {.name = "mask-input", .value = "NAME", .help = "positions where this input is 0 do not count"},
      kTaskOption,
      {.name = "max-drop", .value = "POINTS", .help = "limit of the loss of accuracy; needs --labels"},
      {.name = "max-kl", .value = "NATS", .help = "limit of the mean KL(original || candidate)"},
      {.name = "max-error", .value = "E", .help = "limit of every output's relative error"},
      {.name = "max-abs-error", .value = "E", .help = "limit of the error of any value"},
      {.name = "min-cosine", .value = "C", .help = "limit of the cosine of any row of an output"},
      {.name = "confidence",
       .value = "PERCENT",
       .help = "--max-drop and --max-kl hold for the upper end of this interval"},
      {.name = "eval-cmd",
       .value = "COMMAND",
       .help = "run for each model, {} is its path; prints a figure last"},
      {.name = "eval-goal", .value = "GOAL", .help = "max or min: which figure is better"},
      {.name = "max-eval-drop", .value = "D", .help = "limit of the loss of that figure"},
      {.name = "eval-timeout", .value = "SECONDS", .help = "limit of one run of the command"},
      {.name = "baseline", .value = "FILE", .help = "be no worse than in this JSON report of an earlier run"},
      {.name = "baseline-tolerance", .value = "R", .help = "so much worse is still allowed, relative"},
      {.name = "junit", .value = "FILE", .help = "also write the gates as JUnit XML"},
      {.name = "per-layer", .help = "also compare the outputs of every layer: where does it go wrong first?"},
      {.name = "rollback",
       .value = "FILE",
       .help = "with one FILE.tt: this lossless .tt restores what it was made from"},
      {.name = "no-latency", .help = "measure no time"},
      {.name = "isolate", .help = "run the models in child processes with limits"},
      {.name = "seed", .value = "N", .help = "seed of resampling"},
      {.name = "allow-symlinks", .help = "follow symbolic links to external data files"},
  };
  const std::vector<OptionSpec> files = report_options();
  const auto after_junit = std::find_if(command.options.begin(), command.options.end(),
                                        [](const OptionSpec& spec) { return spec.name == "no-latency"; });
  command.options.insert(after_junit, files.begin(), files.end());
  command.examples = {
      "tt verify model.onnx model.tt --data test.npz --labels y.npy --max-drop 0.2",
      "tt verify model.onnx model.tt --data test.npz --max-kl 0.01 --confidence 95 --junit gates.xml",
      "tt verify model.onnx model.tt --eval-cmd 'python eval.py {}' --max-eval-drop 0.5",
      "tt verify model.tt", "tt verify model.tt --rollback original.tt"};
  command.run = run;
  return command;
}

}  // namespace tt::cli
