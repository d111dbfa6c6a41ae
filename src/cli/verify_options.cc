#include "cli/verify_options.h"

#include "base/error.h"
#include "cli/input_options.h"
#include "cli/option_values.h"

namespace tt::cli {
namespace {

using pipeline::VerifyOptions;

constexpr std::string_view kName = "verify";

[[noreturn]] void throw_usage(const std::string& message) {
  throw base::Error(base::ErrorKind::usage, message, help_hint(kName));
}

void set_limits(const Config& config, VerifyOptions& options) {
  options.max_drop = config.number("verify.max_drop");
  options.max_kl = config.number("verify.max_kl");
  options.max_error = config.number("verify.max_error");
  options.max_abs_error = config.number("verify.max_abs_error");
  options.min_cosine = config.number("verify.min_cosine");
  options.confidence = config.number("verify.confidence").value_or(0);
  options.max_eval_drop = config.number("verify.max_eval_drop");
  options.baseline_tolerance = config.number("verify.baseline_tolerance").value_or(0);
}

void set_evaluation(const Config& config, VerifyOptions& options) {
  options.eval_cmd = config.text("verify.eval_cmd");
  options.eval_goal_max = config.text("verify.eval_goal") == "max";
  options.eval_timeout = config.number("verify.eval_timeout").value_or(0);
}

}  // namespace

VerifyOptions verify_options(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  VerifyOptions options;
  options.original = arguments.positional()[0];
  options.candidate = arguments.positional()[1];
  if (options.original.empty() || options.candidate.empty()) throw_usage("a file name is empty");
  options.data = arguments.text("data");
  options.labels = arguments.text("labels");
  options.inputs = input_mappings(invocation);
  options.mask_input = arguments.text("mask-input");
  options.task = wished_task(invocation.config);
  set_limits(invocation.config, options);
  set_evaluation(invocation.config, options);
  options.baseline = arguments.text("baseline");
  options.latency = !arguments.has("no-latency") && invocation.config.flag("verify.latency");
  options.per_layer = arguments.has("per-layer");
  options.isolate = arguments.has("isolate");
  options.allow_symlinks = arguments.has("allow-symlinks");
  if (const std::string* seed = arguments.value("seed"))
    options.seed = OptionValue{kName, "seed", *seed}.integer(0, UINT64_MAX);
  options.max_memory = invocation.common.max_memory;
  options.threads = invocation.common.threads;
  check_standard_input(kName,
                       {options.original, options.candidate, options.data, options.labels, options.baseline});
  return options;
}

}  // namespace tt::cli
