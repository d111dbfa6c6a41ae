
#include "base/error.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/limit_options.h"
#include "cli/option_values.h"
#include "cli/report_json.h"
#include "cli/report_options.h"
#include "cli/report_text.h"
#include "cli/same_file.h"
#include "cli/standard_output.h"
#include "codec/encoding.h"
#include "pipeline/compress.h"

namespace tt::cli {
namespace {

using base::Error;
using base::ErrorKind;
using pipeline::CompressOptions;

constexpr std::string_view kName = "compress";

[[noreturn]] void throw_usage(const std::string& message) {
  throw Error(ErrorKind::usage, message, help_hint(kName));
}

// PATTERN=SPEC; a '=' inside PATTERN is written \x3d.
pipeline::TensorSpec tensor_spec(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw_usage("option --tensor is " + base::quoted(text) + ", but must be PATTERN=SPEC");
  pipeline::TensorSpec spec{text.substr(0, equals), text.substr(equals + 1)};
  OptionValue{kName, "tensor", spec.pattern}.pattern();
  if (spec.spec != "skip") codec::parse_spec(spec.spec);
  return spec;
}

// Size goals and limits may hold at once; keeping everything and following a plan have a size of their own.
void check_goals(const Arguments& arguments) {
  std::vector<std::string> given;
  for (const std::string_view goal : {"lossless", "plan", "target-ratio", "target-bytes", "max-error",
                                      "min-quality", "max-kl", "max-drop", "calib", "eval", "labels"})
    if (arguments.has(goal) && !(goal == "calib" && arguments.has("plan")))
      given.push_back("--" + std::string(goal));
  if (given.size() > 1 && (arguments.has("lossless") || arguments.has("plan")))
    throw_usage("options " + given[0] + " and " + given[1] + " exclude each other");
}

// A goal of the command line replaces an inherited one.
void set_goal(const Invocation& invocation, CompressOptions& options) {
  const Arguments& arguments = invocation.arguments;
  check_goals(arguments);
  options.lossless = arguments.has("lossless");
  options.plan_in = arguments.text("plan");
  if (const std::string* bytes = arguments.value("target-bytes"))
    options.target_bytes = OptionValue{kName, "target-bytes", *bytes}.bytes();
  const bool replaced = options.lossless || !options.plan_in.empty() || options.target_bytes;
  if (!replaced || arguments.has("target-ratio"))
    options.target_ratio = invocation.config.number("compression.target_ratio");
  if (options.lossless) return;
  options.limits = quality_limits(invocation);
  // A plan was made in the metrics of a calibration; limits that a configuration sets do not concern it.
  if (!options.plan_in.empty())
    options.limits.max_error = options.limits.min_quality = options.limits.max_kl =
        options.limits.max_drop = {};
}

// Under `auto` a cap of rank or error holds only if the user gave it, not if it is a preset's.
template <typename T>
std::optional<T> unless_preset(const Invocation& invocation, std::string_view path, std::optional<T> value) {
  const bool automatic = invocation.config.text("compression.method") == "auto";
  return automatic && !invocation.config.setting(path).from_user ? std::nullopt : value;
}

void set_method(const Invocation& invocation, CompressOptions& options) {
  const Config& config = invocation.config;
  options.method = config.text("compression.method");
  options.svd = config.text("compression.svd_method");
  options.max_rank =
      unless_preset(invocation, "compression.max_rank", config.integer("compression.max_rank"));
  options.epsilon = unless_preset(invocation, "compression.epsilon", config.number("compression.epsilon"));
}

void set_selection(const Invocation& invocation, CompressOptions& options) {
  const Config& config = invocation.config;
  for (const std::string& text : invocation.arguments.values("tensor"))
    options.tensors.push_back(tensor_spec(text));
  options.include = config.texts("compression.layer_patterns");
  options.exclude = config.texts("compression.exclude_patterns");
  for (const std::string& text : invocation.arguments.values("preserve"))
    options.preserve.push_back(OptionValue{kName, "preserve", text}.pattern());
  options.min_size = config.integer("compression.min_tensor_size").value_or(0);
}

void check_paths(const Invocation& invocation, const CompressOptions& options) {
  if (options.output.empty() && !options.dry_run) throw_usage("no output given");
  check_standard_output(invocation, options.output);
  const std::vector<std::pair<std::string_view, std::string>> outputs = {
      {"output", options.output}, {"rollback", options.rollback}, {"plan-out", options.plan_out}};
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto& [option, path] = outputs[i];
    if (i > 0 && path == "-") throw_usage("option --" + std::string(option) + " needs a file");
    for (const std::string* input :
         {&options.input, &options.limits.calib, &options.limits.eval, &options.limits.labels})
      if (!input->empty()) check_output(kName, option, *input, path);
    for (std::size_t j = 0; j < i; ++j)
      if (!path.empty() && (path == outputs[j].second || is_same_file(outputs[j].second, path)))
        throw_usage("options --" + std::string(outputs[j].first) + " and --" + std::string(option) +
                    " name the same file");
  }
}

std::string runtime_of(const Arguments& arguments) {
  const std::string* text = arguments.value("runtime");
  if (text == nullptr) return "any";
  const std::string runtime = OptionValue{kName, "runtime", *text}.choice({"any", "quantized"});
  for (const std::string_view other : {"lossless", "plan"})
    if (runtime != "any" && arguments.has(other))
      throw_usage("options --" + std::string(other) + " and --runtime exclude each other");
  return runtime;
}

pipeline::Effort effort_of(const std::string* text) {
  using pipeline::Effort;
  if (text == nullptr) return Effort::normal;
  for (const Effort effort : {Effort::fast, Effort::normal, Effort::max})
    if (pipeline::terms_of(effort).name == *text) return effort;
  throw_usage("option --effort is " + base::quoted(*text) + ", but must be fast, default or max");
}

CompressOptions make_options(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  CompressOptions options;
  options.input = only_argument(invocation, "MODEL");
  options.output = arguments.text("output");
  options.rollback = arguments.text("rollback");
  options.plan_out = arguments.text("plan-out");
  options.dry_run = arguments.has("dry-run");
  options.fold = invocation.config.flag("compression.fold") && !arguments.has("no-fold");
  options.generate = invocation.config.flag("compression.generate") && !arguments.has("no-generate");
  options.max_memory = invocation.common.max_memory;
  options.allow_symlinks = arguments.has("allow-symlinks");
  options.fail_on_nan = arguments.has("fail-on-nan");
  options.threads = invocation.common.threads;
  if (const std::string* seed = arguments.value("seed"))
    options.seed = OptionValue{kName, "seed", *seed}.integer(0, UINT64_MAX);
  options.effort = effort_of(arguments.value("effort"));
  set_goal(invocation, options);
  set_method(invocation, options);
  set_selection(invocation, options);
  options.runtime = runtime_of(arguments);
  if (options.runtime != "any" && options.method != "auto")
    throw_usage("option --runtime " + options.runtime + " needs --method auto");
  check_paths(invocation, options);
  return options;
}

void run(const Invocation& invocation) {
  const CompressOptions options = make_options(invocation);
  ReportFiles files(
      kName, invocation.arguments,
      {options.input, options.limits.calib, options.limits.eval, options.limits.labels, options.plan_in,
       options.dry_run ? "" : options.output, options.rollback, options.plan_out});
  ProgressBar progress(invocation.common.progress, standard_error_traits());
  const pipeline::CompressReport report = pipeline::compress(options, progress);
  if (files.wanted()) files.write(compress_json(report));
  if (invocation.common.json) return print(compress_json(report).dump(2) + "\n");
  if (!invocation.common.quiet) talk(compress_text(report, invocation.common.verbose));
}

}  // namespace

Command compress_command() {
  Command command;
  command.name = kName;
  command.summary = "make a model smaller: ONNX or safetensors in, .tt out";
  command.synopsis = {"compress [OPTIONS] MODEL -o OUT.tt"};
  command.description =
      "Spends one byte budget over all weights of MODEL and writes the result, checked, to OUT.tt. Without\n"
      "a goal the preset balanced holds: at most 0.45 of the input's bytes. A goal that cannot be met is\n"
      "exit status 1 and no file. With limits instead of a size goal, the smallest file that keeps them.\n"
      "PATTERN is RE2, searched in the names of a weight and of the nodes that use it, or role:NAME\n"
      "(role:attention, role:attention.q, role:conv). SPEC is raw, lossless, f16, rounded,mantissa=14,\n"
      "quant,rate=3, blockquant,bits=4,group=32, tucker,step=0.05, lowrank,step=0.2, lowrank,rank=32,\n"
      "tt,modes=4x16x4x16,ranks=8x8x8 or skip.";
  command.options = {
      {.name = "output",
       .letter = 'o',
       .value = "FILE",
       .help = "the .tt file to write, - for standard output"},
      {.name = "target-ratio", .value = "R", .help = "bytes out / bytes in, 0 < R <= 1, never exceeded"},
      {.name = "target-bytes", .value = "N", .help = "largest output, e.g. 3000000, 3MB, 2.5MiB"},
      {.name = "lossless", .help = "keep everything: decompress gives the input files byte for byte"},
      {.name = "rollback", .value = "FILE", .help = "also write a lossless .tt of the input to FILE"},
      {.name = "preset", .value = "NAME", .help = "low, balanced, high or newport"},
      {.name = "method",
       .value = "METHOD",
       .help = "auto (any encoding), svd (low rank) or tt (tensor train)"},
      {.name = "runtime",
       .value = "HOW",
       .help = "any, or quantized: a plan that decompress --form quantized makes runnable"},
      {.name = "svd",
       .value = "HOW",
       .help = "how low rank factors are computed: full, truncated or randomized"},
      {.name = "max-rank", .value = "N", .help = "largest rank of a low rank or tensor train"},
      {.name = "epsilon",
       .value = "E",
       .help = "svd, tt: wished total relative error of a factored weight, 0 < E <= 1"},
      {.name = "tensor",
       .value = "PATTERN=SPEC",
       .help = "fix the encoding of some weights; the last match counts",
       .repeatable = true},
      {.name = "include", .value = "PATTERN", .help = "only change weights that match", .repeatable = true},
      {.name = "exclude",
       .value = "PATTERN",
       .help = "keep weights that match exact, unless --tensor names them",
       .repeatable = true},
      {.name = "preserve",
       .value = "PATTERN",
       .help = "keep weights that match exact, whatever else says",
       .repeatable = true},
      {.name = "min-size", .value = "N", .help = "keep weights of fewer than N elements exact"},
      {.name = "no-fold",
       .help = "keep BatchNormalization and constant nodes beside the weights they change"},
      {.name = "no-generate", .help = "without --calib: do not run the model on generated inputs"},
      {.name = "dry-run", .help = "do everything but write the output"},
      {.name = "plan-out", .value = "FILE", .help = "write the chosen encodings as JSON"},
      {.name = "plan", .value = "FILE", .help = "use the encodings of such a file instead of a goal"},
      {.name = "effort", .value = "HOW", .help = "fast, default or max: time for quality"},
      {.name = "seed", .value = "N", .help = "recorded seed of everything random"},
      {.name = "allow-symlinks", .help = "follow symbolic links to external data files"},
      {.name = "fail-on-nan", .help = "refuse weights with NaN or infinity instead of keeping them"},
  };
  const std::vector<OptionSpec> limits = limit_options();
  command.options.insert(command.options.begin() + 3, limits.begin(), limits.end());
  const std::vector<OptionSpec> files = report_options();
  command.options.insert(command.options.end() - 2, files.begin(), files.end());
  command.examples = {"tt compress model.onnx -o model.tt --target-ratio 0.3",
                      "tt compress model.onnx -o model.tt --target-bytes 10MB --preserve role:embedding",
                      "tt compress model.onnx -o model.tt --max-error 0.02 --calib samples.npz",
                      "tt compress model.onnx -o model.tt --lossless",
                      "tt compress - -o - --quiet < model.onnx > model.tt"};
  command.run = run;
  return command;
}

}  // namespace tt::cli
