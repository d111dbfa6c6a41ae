#include "cli/limit_options.h"

#include "base/error.h"
#include "cli/input_options.h"

namespace tt::cli {

std::vector<OptionSpec> limit_options() {
  return {
      {.name = "max-error", .value = "E", .help = "limit of the relative error of every layer's output"},
      {.name = "min-quality", .value = "Q", .help = "limit of the mean cosine of every layer's output"},
      {.name = "max-kl", .value = "NATS", .help = "limit of the mean KL(original || compressed)"},
      {.name = "max-drop", .value = "POINTS", .help = "limit of the loss of accuracy; needs --labels"},
      {.name = "calib", .value = "FILE", .help = "samples or a .ttcal file: what the layers see"},
      {.name = "eval", .value = "FILE", .help = "samples for the limits, instead of that quarter"},
      {.name = "labels", .value = "FILE", .help = "the labels of all these samples"},
      {.name = "input",
       .value = kInputValue,
       .help = "map samples to an input: scale, mean, std, shape",
       .repeatable = true},
      {.name = "mask-input", .value = "NAME", .help = "positions where this input is 0 do not count"},
      {.name = "task", .value = "TASK", .help = "auto, classification, lm, regression, embedding or generic"},
  };
}

namespace {

// What says how samples are to be read must not be passed over in silence.
void check_samples(const Arguments& arguments, const pipeline::QualityLimits& limits) {
  if (limits.has_samples()) return;
  for (const std::string_view option : {"input", "mask-input", "task"})
    if (arguments.has(option))
      throw base::Error(base::ErrorKind::usage, "option --" + std::string(option) + " needs samples",
                        "add --calib samples.npz or --eval samples.npz");
}

}  // namespace

pipeline::QualityLimits quality_limits(const Invocation& invocation) {
  const Arguments& arguments = invocation.arguments;
  const Config& config = invocation.config;
  pipeline::QualityLimits limits;
  limits.max_error = config.number("compression.max_error");
  limits.min_quality = config.number("compression.min_quality");
  limits.max_kl = config.number("compression.max_kl");
  limits.max_drop = config.number("compression.max_drop");
  limits.calib = arguments.text("calib");
  limits.eval = arguments.text("eval");
  limits.labels = arguments.text("labels");
  limits.inputs = input_mappings(invocation);
  limits.mask_input = arguments.text("mask-input");
  limits.task = wished_task(config);
  check_samples(arguments, limits);
  std::vector<std::string> files = arguments.positional();
  files.insert(files.end(), {limits.calib, limits.eval, limits.labels});
  check_standard_input("compress", files);
  return limits;
}

}  // namespace tt::cli
