// Measures encoded weights against limits on samples.
#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/parallel.h"
#include "base/text.h"
#include "model/taps.h"
#include "pipeline/decoded_model.h"
#include "pipeline/quality_limits.h"
#include "runtime/calibration_file.h"
#include "runtime/judge.h"
#include "runtime/macs.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;
using runtime::Judgement;
using runtime::OutputMetrics;

// One thread: a sum that is split otherwise would decide another plan on another machine.
constexpr unsigned kRuntimeThreads = 1;

const model::Model& with_graph(const model::Model& model) {
  if (model.format() == model::FileFormat::onnx) return model;
  throw Error(
      ErrorKind::unsupported,
      "limits on samples need a model that can be run, a safetensors file holds weights without a graph",
      "limit the error of the weights by --max-error without samples");
}

// Only limits on every layer need to see them.
std::vector<std::string> outputs_to_tap(const model::Model& model, const QualityLimits& limits) {
  std::vector<std::string> names;
  if (!limits.max_error && !limits.min_quality) return names;
  std::set<std::string> seen;
  for (const model::Tap& tap : model::taps_of(model))
    if (!tap.output.empty() && seen.insert(tap.output).second) names.push_back(tap.output);
  return names;
}

std::uint64_t count_unseen(const model::Model& model) {
  std::uint64_t uses = 0;
  for (const model::Weight& weight : model.weights())
    if (model::is_layer_role(weight.role)) uses += weight.nodes.size();
  const std::uint64_t taps = model::taps_of(model).size();
  return uses - std::min(uses, taps);
}

runtime::Samples open_samples(const QualityLimits& limits, const runtime::NamedArrays* held_out_arrays,
                              const std::vector<runtime::ValueInfo>& inputs) {
  if (held_out_arrays != nullptr) return runtime::held_out_samples(*held_out_arrays, inputs, limits.calib);
  const bool held_out = limits.eval.empty();
  runtime::Samples samples =
      runtime::Samples::open(held_out ? limits.calib : limits.eval, inputs, limits.inputs);
  if (held_out) samples.require(kMinHeldOut, "holding out a quarter of them");
  return samples;
}

runtime::JudgeOptions judge_options(const QualityLimits& limits, const model::Model& model,
                                    const runtime::Session& session, std::uint64_t samples, bool all,
                                    const runtime::Labels* labels) {
  runtime::JudgeOptions options;
  options.predictions = limits.max_kl || limits.max_drop;
  std::optional<runtime::Task> wished;
  if (!limits.task.empty()) wished = runtime::parse_task(limits.task);
  if (options.predictions || wished)
    options.task = runtime::choose_task(model, {session.inputs(), session.outputs()},
                                        labels ? &labels->array() : nullptr, wished, options.predictions);
  options.labels = labels;
  options.mask_input = limits.mask_input;
  if (limits.eval.empty() && !all) options.first = samples - samples / 4;
  return options;
}

bool is_worse(double a, double b, bool larger_is_worse) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && !std::isnan(b);
  return larger_is_worse ? a > b : a < b;
}

KeptLimit worst_output(const char* name, double limit, const std::vector<OutputMetrics>& outputs,
                       double OutputMetrics::*figure, bool larger_is_worse) {
  if (outputs.empty())
    throw Error(ErrorKind::bad_data, "the model has no floating-point output that a limit could be about",
                "limit the error of the weights by --max-error without samples");
  const OutputMetrics* worst = &outputs.front();
  for (const OutputMetrics& output : outputs)
    if (is_worse(output.*figure, worst->*figure, larger_is_worse)) worst = &output;
  const double value = worst->*figure;
  const bool kept = larger_is_worse ? value <= limit : value >= limit;
  return {name, limit, value, kept, "output " + base::quoted(worst->name)};
}

KeptLimit kl_limit(double limit, const Judgement& judgement) {
  if (!judgement.predictions)
    throw Error(ErrorKind::bad_data, "the limit --max-kl needs an output of at least two classes",
                "limit the error by --max-error");
  const double value = judgement.predictions->kl.mean;
  return {"max_kl", limit, value, value <= limit, ""};
}

KeptLimit drop_limit(double limit, const Judgement& judgement) {
  if (!judgement.predictions || !judgement.predictions->accuracy)
    throw Error(ErrorKind::bad_data, "the limit --max-drop needs class labels, and the labels are none",
                "give integer labels, or limit the error by --max-error");
  const double value = judgement.predictions->accuracy->drop;
  return {"max_drop", limit, value, value <= limit, ""};
}

}  // namespace

struct QualityCheck::State {
  State(const model::Model& original, const model::Model& compressed, const QualityLimits& wished,
        const runtime::NamedArrays* held_out, unsigned worker_threads)
      : model(with_graph(compressed)),
        limits(wished),
        threads(worker_threads),
        outputs(outputs_to_tap(compressed, wished)),
        unseen(wished.max_error || wished.min_quality ? count_unseen(compressed) : 0),
        session(runtime::Session::open(runtime::tapped_model(original, outputs),
                                       {.threads = kRuntimeThreads, .isolate = {}})),
        samples(open_samples(wished, held_out, session.inputs())) {
    if (!limits.labels.empty()) labels.emplace(runtime::Labels::open(limits.labels));
    judge.emplace(session, samples,
                  judge_options(limits, original, session, samples.size(), held_out != nullptr,
                                labels ? &*labels : nullptr));
  }

  const model::Model& model;
  const QualityLimits limits;
  unsigned threads;
  std::vector<std::string> outputs;
  std::uint64_t unseen;
  runtime::Session session;
  runtime::Samples samples;
  std::optional<runtime::Labels> labels;
  std::optional<runtime::Judge> judge;
};

QualityCheck::QualityCheck(const model::Model& original, const model::Model& model,
                           const QualityLimits& limits, const runtime::NamedArrays* held_out,
                           unsigned threads)
    : state_(std::make_unique<State>(original, model, limits, held_out, threads)) {}
QualityCheck::~QualityCheck() = default;
QualityCheck::QualityCheck(QualityCheck&&) noexcept = default;

std::uint64_t QualityCheck::unseen_layers() const {
  return state_->unseen;
}

Quality QualityCheck::measure(const std::vector<const container::EncodedWeight*>& weights,
                              base::Progress& progress) const {
  const QualityLimits& limits = state_->limits;
  const runtime::Session candidate =
      runtime::Session::open(decoded_model(state_->model, weights, state_->outputs, state_->threads),
                             {.threads = kRuntimeThreads, .isolate = {}});
  const Judgement judgement = state_->judge->judge(candidate, progress);
  Quality quality;
  quality.samples = judgement.samples;
  quality.measured_on = limits.eval.empty() ? "held-out samples" : "evaluation samples";
  if (limits.max_error)
    quality.limits.push_back(worst_output("max_error", *limits.max_error, judgement.outputs,
                                          &OutputMetrics::relative_error, true));
  if (limits.min_quality)
    quality.limits.push_back(worst_output("min_quality", *limits.min_quality, judgement.outputs,
                                          &OutputMetrics::cosine_mean, false));
  if (limits.max_kl) quality.limits.push_back(kl_limit(*limits.max_kl, judgement));
  if (limits.max_drop) quality.limits.push_back(drop_limit(*limits.max_drop, judgement));
  if (!judgement.finite)
    for (KeptLimit& limit : quality.limits) limit.kept = false;
  return quality;
}

}  // namespace tt::pipeline
