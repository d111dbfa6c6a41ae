#include "pipeline/edit_effect.h"

#include "runtime/judge.h"

namespace tt::pipeline {
namespace {

runtime::JudgeOptions judge_options(const model::Model& model, const runtime::Session& session,
                                    const EffectSamples& samples) {
  std::optional<runtime::Task> wished;
  if (!samples.task.empty()) wished = runtime::parse_task(samples.task);
  runtime::JudgeOptions options;
  options.task = runtime::choose_task(model, {session.inputs(), session.outputs()}, nullptr, wished, false);
  options.mask_input = samples.mask_input;
  return options;
}

}  // namespace

Effect effect_of(const model::Model& before, const model::Model& after, const EffectSamples& samples,
                 unsigned threads, base::Progress& progress) {
  const runtime::Session original = runtime::Session::open(before, {.threads = threads});
  const runtime::Session edited = runtime::Session::open(after, {.threads = threads});
  const runtime::Samples given = runtime::Samples::open(samples.path, original.inputs(), samples.inputs);
  const runtime::Judgement judgement =
      runtime::Judge(original, given, judge_options(before, original, samples)).judge(edited, progress);
  Effect effect{judgement.samples, judgement.outputs, 0, {}, {}, judgement.finite};
  for (const runtime::OutputMetrics& output : effect.outputs)  // one that is NaN stays
    if (!(output.relative_error <= effect.relative_error)) effect.relative_error = output.relative_error;
  if (judgement.predictions) {
    effect.top1_agreement = judgement.predictions->top1_agreement;
    effect.mean_kl = judgement.predictions->kl.mean;
  }
  return effect;
}

}  // namespace tt::pipeline
