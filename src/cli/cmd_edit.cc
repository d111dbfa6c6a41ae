#include "base/error.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/edit_report.h"
#include "cli/input_options.h"
#include "cli/option_values.h"
#include "cli/report_text.h"
#include "cli/same_file.h"
#include "cli/standard_output.h"
#include "pipeline/edit.h"

namespace tt::cli {
namespace {

using base::Error;
using base::ErrorKind;
using pipeline::EditOptions;

constexpr std::string_view kName = "edit";

[[noreturn]] void throw_usage(const std::string& message) {
  throw Error(ErrorKind::usage, message, help_hint(kName));
}

std::optional<double> number(const Arguments& arguments, std::string_view option) {
  const std::string* const text = arguments.value(option);
  if (!text) return std::nullopt;
  const std::optional<double> value = parse_number(*text);
  if (!value) OptionValue{kName, option, *text}.refuse("a number");
  return value;
}

// The options that say what to do exclude each other, and some belong to one of them.
void check_action(const Arguments& arguments) {
  if (arguments.has("restore") != arguments.has("rollback"))
    throw_usage("--restore and --rollback belong together");
  if (arguments.has("restore") && arguments.has("undo"))
    throw_usage("options --undo and --restore exclude each other");
  for (const std::string_view option :
       {"project-out", "positive", "negative", "layer", "weights", "side", "strength", "inject", "preserve",
        "max-collateral", "input", "mask-input", "task", "no-undo"})
    for (const std::string_view action : {"undo", "restore"})
      if (arguments.has(action) && arguments.has(option) && !(action == "restore" && option == "no-undo"))
        throw_usage("options --" + std::string(action) + " and --" + std::string(option) +
                    " exclude each other");
  if (arguments.has("undo-file") && arguments.has("no-undo"))
    throw_usage("options --undo-file and --no-undo exclude each other");
}

// Beside the output, or beside the input that is to be brought back.
std::string undo_path(const Arguments& arguments, const std::string& input, const std::string& output) {
  if (arguments.has("no-undo")) return {};
  if (const std::string* const given = arguments.value("undo-file")) return *given;
  const std::string& beside = arguments.has("undo") ? input : output;
  if (beside == "-")
    throw_usage("there is no name for the undo file beside a standard stream: give --undo-file" +
                std::string(arguments.has("undo") ? "" : " or --no-undo"));
  return beside + ".undo";
}

void set_files(const Invocation& invocation, EditOptions& options) {
  const Arguments& arguments = invocation.arguments;
  options.input = only_argument(invocation, "IN.tt");
  options.output = arguments.text("output");
  if (options.output.empty()) throw_usage("no output given");
  options.undo_file = undo_path(arguments, options.input, options.output);
  const bool writes_undo = !options.undo_file.empty() && !arguments.has("undo");
  if (writes_undo && (options.undo_file == "-" || options.undo_file == options.output))
    throw_usage("the undo file needs a name of its own");
  std::vector<std::string> read = {options.input};
  for (const std::string_view option : {"project-out", "positive", "negative", "preserve", "rollback"})
    read.push_back(arguments.text(option));
  if (!writes_undo) read.push_back(options.undo_file);
  for (const std::string& input : read) {
    if (input.empty()) continue;
    check_output(kName, "output", input, options.output);
    if (writes_undo) check_output(kName, "undo-file", input, options.undo_file);
  }
  check_standard_output(invocation, options.output);
}

EditOptions make_options(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  EditOptions options;
  check_action(arguments);
  set_files(invocation, options);
  options.direction = arguments.text("project-out");
  options.positive = arguments.text("positive");
  options.negative = arguments.text("negative");
  if (const std::string* layer = arguments.value("layer"))
    options.layer = OptionValue{kName, "layer", *layer}.pattern();
  for (const std::string& pattern : arguments.values("weights"))
    options.weights.push_back(OptionValue{kName, "weights", pattern}.pattern());
  if (const std::string* side = arguments.value("side"))
    options.side = OptionValue{kName, "side", *side}.choice({"input", "output"}) == "input"
                       ? pipeline::Side::input
                       : pipeline::Side::output;
  options.strength = number(arguments, "strength").value_or(1);
  options.inject = arguments.has("inject");
  options.preserve = arguments.text("preserve");
  options.max_collateral = number(arguments, "max-collateral");
  options.inputs = input_mappings(invocation);
  options.mask_input = arguments.text("mask-input");
  options.task = wished_task(invocation.config);
  options.threads = invocation.common.threads;
  for (const std::string* path :
       {&options.direction, &options.positive, &options.negative, &options.preserve})
    if (*path == "-") throw_usage("only IN.tt can be standard input");
  return options;
}

pipeline::EditReport done(const Arguments& arguments, const EditOptions& options, base::Progress& progress) {
  if (arguments.has("undo")) return pipeline::undo_edit(options.input, options.undo_file, options.output);
  if (const std::string* pattern = arguments.value("restore"))
    return pipeline::restore_weights({options.input, options.output,
                                      OptionValue{kName, "restore", *pattern}.pattern(),
                                      arguments.text("rollback"), options.undo_file});
  return pipeline::edit(options, progress);
}

void run(const Invocation& invocation) {
  const EditOptions options = make_options(invocation);
  ProgressBar progress(invocation.common.progress, standard_error_traits());
  const pipeline::EditReport report = done(invocation.arguments, options, progress);
  if (invocation.common.json) print(edit_json(report).dump(2) + "\n");
  if (!invocation.common.quiet) {
    for (const std::string& warning : report.warnings) talk("tt: warning: " + warning + "\n");
    if (!invocation.common.json) talk(edit_text(report));
  }
  if (!report.failure.empty())
    throw Error(ErrorKind::gate_failed, report.failure, "use a smaller --strength, or fewer --weights");
}

}  // namespace

Command edit_command() {
  Command command;
  command.name = kName;
  command.summary = "take a direction out of chosen weights of a .tt file, or put more of it in";
  command.synopsis = {"edit [OPTIONS] IN.tt -o OUT.tt --project-out DIRECTION",
                      "edit [OPTIONS] IN.tt -o OUT.tt --positive A --negative B --layer PATTERN",
                      "edit IN.tt -o OUT.tt --restore PATTERN --rollback FILE",
                      "edit IN.tt -o OUT.tt --undo"};
  command.description =
      "Projects the inputs or outputs of chosen weights on what is orthogonal to a direction, encodes these\n"
      "weights as they were, and leaves every other byte of the cores alone. With --preserve the weights\n"
      "change such that their layers keep what they do on these samples as far as the direction allows, and\n"
      "the report says what the whole model lost on them. OUT.tt.undo, written beside OUT.tt, brings IN.tt\n"
      "back byte for byte; it holds what was taken out. PATTERN is RE2 or role:NAME, as in tt compress.";
  command.options = {
      {.name = "output",
       .letter = 'o',
       .value = "FILE",
       .help = "the .tt file to write, - for standard output"},
      {.name = "project-out",
       .value = "DIRECTION",
       .help = "a .npy file of one vector or several rows, or pattern:N of tt analyze"},
      {.name = "positive", .value = "FILE", .help = "samples that show what is to be taken out"},
      {.name = "negative",
       .value = "FILE",
       .help = "samples without it: the means' difference is the direction"},
      {.name = "layer",
       .value = "PATTERN",
       .help = "the weight where --positive and --negative are compared"},
      {.name = "weights",
       .value = "PATTERN",
       .help = "weights to edit, else all of fitting side (with --layer: that one)",
       .repeatable = true},
      {.name = "side", .value = "SIDE", .help = "input (if not given) or output: where the direction lies"},
      {.name = "strength", .value = "S", .help = "share of the response to take, 0 to 1, 1 if not given"},
      {.name = "inject", .help = "add that share of the response instead, up to 1000"},
      {.name = "preserve", .value = "FILE", .help = "samples on which as little as possible shall change"},
      {.name = "max-collateral",
       .value = "E",
       .help = "no file if the outputs' relative error on --preserve is above E"},
      {.name = "restore",
       .value = "PATTERN",
       .help = "bring these weights back from --rollback, bit for bit"},
      {.name = "rollback", .value = "FILE", .help = "what tt compress --rollback wrote"},
      {.name = "undo", .help = "bring the file back as it was before its last edit"},
      {.name = "undo-file",
       .value = "FILE",
       .help = "the undo file, OUT.tt.undo (with --undo: IN.tt.undo) if not given"},
      {.name = "no-undo", .help = "write no undo file"},
      kInputOption,
      {.name = "mask-input", .value = "NAME", .help = "leave out positions where this input is 0"},
      kTaskOption,
  };
  command.examples = {
      "tt edit model.tt -o edited.tt --project-out bias.npy --weights role:ffn",
      "tt edit model.tt -o edited.tt --positive a.npz --negative b.npz --layer fc2 --preserve rest.npz",
      "tt edit model.tt -o edited.tt --project-out pattern:1 --weights fc1 --strength 0.5",
      "tt edit edited.tt -o model.tt --undo"};
  command.run = run;
  return command;
}

}  // namespace tt::cli
