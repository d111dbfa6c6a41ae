#include "pipeline/gates.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "runtime/statistics.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;

std::string number(double value) {
  return std::isfinite(value) ? base::Json(value).dump() : std::isnan(value) ? "not a number" : "infinite";
}

[[noreturn]] void throw_usage(const std::string& message, const std::string& hint) {
  throw Error(ErrorKind::usage, message, hint);
}

bool has_data_gate(const VerifyOptions& options) {
  return options.max_drop || options.max_kl || options.max_error || options.max_abs_error ||
         options.min_cosine;
}

void check_bounds(const VerifyOptions& options) {
  if (options.confidence == 0) return;
  const std::pair<const char*, bool> without_bound[] = {
      {"--max-error", options.max_error.has_value()},
      {"--max-abs-error", options.max_abs_error.has_value()},
      {"--min-cosine", options.min_cosine.has_value()},
      {"--max-eval-drop", options.max_eval_drop.has_value()}};
  for (const auto& [name, given] : without_bound)
    if (given)
      throw_usage(std::string("the limit ") + name + " has no upper bound that --confidence could take",
                  "leave --confidence out, or use --max-drop or --max-kl");
}

const runtime::OutputMetrics& worst(const std::vector<runtime::OutputMetrics>& outputs,
                                    double runtime::OutputMetrics::*figure, bool larger_is_worse) {
  if (outputs.empty())
    throw Error(ErrorKind::bad_data, "the model has no floating-point output that a limit could be about",
                "use --eval-cmd");
  return *std::max_element(outputs.begin(), outputs.end(), [&](const auto& a, const auto& b) {
    // NaN is worse than anything.
    if (std::isnan(a.*figure) || std::isnan(b.*figure)) return !std::isnan(a.*figure);
    return larger_is_worse ? a.*figure < b.*figure : a.*figure > b.*figure;
  });
}

std::string of_output(const char* figure, const runtime::OutputMetrics& output) {
  return std::string(figure) + " of output " + base::quoted(output.name);
}

Gate drop_gate(const VerifyOptions& options, const runtime::Judgement& judgement) {
  if (!judgement.predictions || !judgement.predictions->accuracy)
    throw Error(ErrorKind::bad_data, "the limit --max-drop needs class labels, and the labels are none",
                "give integer labels, or limit the error by --max-error");
  const runtime::AccuracyMetrics& accuracy = *judgement.predictions->accuracy;
  if (options.confidence == 0)
    return upper_gate("max_drop", *options.max_drop, accuracy.drop, "accuracy drop in points");
  return upper_gate("max_drop", *options.max_drop, accuracy.ci95_high,
                    "upper bound of the accuracy drop in points");
}

Gate kl_gate(const VerifyOptions& options, const runtime::Judgement& judgement) {
  if (!judgement.predictions)
    throw Error(ErrorKind::bad_data, "the limit --max-kl needs an output of at least two classes",
                "limit the error by --max-error");
  const runtime::KlMetrics& kl = judgement.predictions->kl;
  if (options.confidence == 0) return upper_gate("max_kl", *options.max_kl, kl.mean, "mean KL in nats");
  return upper_gate("max_kl", *options.max_kl,
                    kl.mean + runtime::interval_quantile(options.confidence) * kl.se,
                    "upper bound of the mean KL in nats");
}

Gate cosine_gate(double limit, const std::vector<runtime::OutputMetrics>& outputs) {
  const runtime::OutputMetrics& output = worst(outputs, &runtime::OutputMetrics::cosine_min, false);
  Gate gate{"min_cosine", limit, output.cosine_min, output.cosine_min >= limit, ""};
  if (!gate.passed)
    gate.why = "smallest " + of_output("cosine", output) + " is " + number(gate.value) +
               (std::isnan(gate.value) ? "" : ", below " + number(limit));
  return gate;
}

}  // namespace

Gate upper_gate(const std::string& name, double limit, double value, const std::string& what) {
  Gate gate{name, limit, value, value <= limit, ""};
  if (!gate.passed)
    gate.why = what + " is " + number(value) + (std::isnan(value) ? "" : ", above " + number(limit));
  return gate;
}

void check_gate_options(const VerifyOptions& options) {
  if (options.data.empty() && has_data_gate(options))
    throw_usage("a limit is given, but no samples", "add --data samples.npz");
  if (options.data.empty() && options.eval_cmd.empty())
    throw_usage("nothing to compare the models on",
                "add --data samples.npz; one file alone is checked for integrity");
  if (options.max_drop && options.labels.empty())
    throw_usage("the limit --max-drop needs labels", "add --labels y.npy");
  if (!options.labels.empty() && options.data.empty())
    throw_usage("labels are given, but no samples", "add --data samples.npz");
  if (options.per_layer && options.data.empty())
    throw_usage("layers are compared on samples, and there are none", "add --data samples.npz");
  if (options.max_eval_drop && options.eval_cmd.empty())
    throw_usage("the limit --max-eval-drop needs a command", "add --eval-cmd 'python eval.py {}'");
  check_bounds(options);
}

std::vector<Gate> gates_of(const VerifyOptions& options, const runtime::Judgement& judgement,
                           const std::optional<EvalResult>& eval) {
  std::vector<Gate> gates;
  const auto add_error = [&](const char* name, std::optional<double> limit, const char* what,
                             double runtime::OutputMetrics::*figure) {
    if (!limit) return;
    const runtime::OutputMetrics& output = worst(judgement.outputs, figure, true);
    gates.push_back(upper_gate(name, *limit, output.*figure, of_output(what, output)));
  };
  if (options.max_drop) gates.push_back(drop_gate(options, judgement));
  if (options.max_kl) gates.push_back(kl_gate(options, judgement));
  add_error("max_error", options.max_error, "relative error", &runtime::OutputMetrics::relative_error);
  add_error("max_abs_error", options.max_abs_error, "largest error", &runtime::OutputMetrics::max_abs_error);
  if (options.min_cosine) gates.push_back(cosine_gate(*options.min_cosine, judgement.outputs));
  if (options.max_eval_drop)
    gates.push_back(upper_gate("max_eval_drop", *options.max_eval_drop, eval.value().drop,
                               "drop of the command's figure"));
  return gates;
}

}  // namespace tt::pipeline
