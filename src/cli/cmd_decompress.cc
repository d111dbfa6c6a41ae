#include "base/error.h"
#include "cli/commands.h"
#include "cli/option_values.h"
#include "cli/report_json.h"
#include "cli/report_text.h"
#include "cli/same_file.h"
#include "cli/standard_output.h"
#include "pipeline/decompress.h"

namespace tt::cli {
namespace {

using base::Error;
using base::ErrorKind;
using pipeline::DecompressOptions;

constexpr std::string_view kName = "decompress";

std::string choice(const Arguments& arguments, std::string_view option, std::string_view fallback,
                   std::initializer_list<std::string_view> choices) {
  const std::string* text = arguments.value(option);
  return text ? OptionValue{kName, option, *text}.choice(choices) : std::string(fallback);
}

DecompressOptions make_options(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  DecompressOptions options;
  options.input = only_argument(invocation, "FILE.tt");
  options.output = arguments.text("output");
  options.form = choice(arguments, "form", "dense", {"dense", "factored", "quantized"});
  options.dtype = choice(arguments, "dtype", "original", {"original", "f32", "f16"});
  if (const std::string* layers = arguments.value("layers"))
    options.layers = OptionValue{kName, "layers", *layers}.pattern();
  options.external = arguments.has("external-data");
  options.overwrite = arguments.has("overwrite");
  options.threads = invocation.common.threads;
  if (options.output.empty()) throw Error(ErrorKind::usage, "no output given", help_hint(kName));
  if (options.external && options.output == "-")
    throw Error(ErrorKind::usage, "external data cannot go to standard output", help_hint(kName));
  if (options.external && !options.layers.empty())
    throw Error(ErrorKind::usage, "options --external-data and --layers exclude each other",
                help_hint(kName));
  check_standard_output(invocation, options.output);
  check_output(kName, "output", options.input, options.output);
  return options;
}

void run(const Invocation& invocation) {
  const DecompressOptions options = make_options(invocation);
  ProgressBar progress(invocation.common.progress, standard_error_traits());
  const pipeline::DecompressReport report = pipeline::decompress(options, progress);
  if (invocation.common.json) return print(decompress_json(report).dump(2) + "\n");
  if (!invocation.common.quiet) talk(decompress_text(report, invocation.common.verbose));
}

}  // namespace

Command decompress_command() {
  Command command;
  command.name = kName;
  command.summary = "give the model back: .tt in, ONNX or safetensors out";
  command.synopsis = {"decompress [OPTIONS] FILE.tt -o OUT"};
  command.description =
      "Writes the model that FILE.tt holds, with every weight dense, in the format that it came in. A file\n"
      "made by compress --lossless gives the original files byte for byte. With --form factored, a weight\n"
      "that is stored as lowrank or tt becomes two layers wherever that is less work than one; with --form\n"
      "quantized, one stored as blockquant stays codes of 4 or 8 bits, which operators of ONNX Runtime\n"
      "(1.22 or later) multiply with. Weights stream from file to file: memory does not grow with the\n"
      "model. PATTERN is RE2 or role:NAME, as in tt compress.";
  command.options = {
      {.name = "output", .letter = 'o', .value = "FILE", .help = "the model to write, - for standard output"},
      {.name = "form",
       .value = "FORM",
       .help = "dense, factored (two layers where that is less work) or quantized (codes)"},
      {.name = "dtype", .value = "TYPE", .help = "original, f32 or f16: of the weights that --layers writes"},
      {.name = "layers", .value = "PATTERN", .help = "only the weights that match, as a safetensors file"},
      {.name = "external-data", .help = "put the weights into an external data file beside OUT"},
      {.name = "overwrite", .help = "external data files that exist already may be replaced"},
  };
  command.examples = {"tt decompress model.tt -o model.onnx",
                      "tt decompress model.tt -o small.onnx --form factored",
                      "tt decompress model.tt -o int4.onnx --form quantized",
                      "tt decompress model.tt -o attention.safetensors --layers role:attention"};
  command.run = run;
  return command;
}

}  // namespace tt::cli
