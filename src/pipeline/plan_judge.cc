#include "pipeline/plan_judge.h"

#include "pipeline/decoded_model.h"
#include "runtime/calibration_file.h"
#include "runtime/damage.h"

namespace tt::pipeline {
namespace {

// One thread: a sum that is split otherwise would decide another plan on another machine.
constexpr unsigned kRuntimeThreads = 1;

runtime::DamageOptions damage_options(const runtime::Calibration& calibration, const JudgeSetup& setup) {
  runtime::DamageOptions options;
  options.threads = setup.threads;
  options.mask_input = calibration.info().mask_input;
  if (!setup.task.empty()) options.task = runtime::parse_task(setup.task);
  return options;
}

}  // namespace

struct PlanJudge::State {
  State(const model::Model& original, const model::Model& compressed, const runtime::Calibration& calibration,
        const JudgeSetup& judge_setup)
      : model(compressed),
        setup(judge_setup),
        session(runtime::Session::open(original, {.threads = kRuntimeThreads, .isolate = setup.isolate})),
        samples(runtime::held_out_samples(calibration.held_out(), session.inputs(), "the calibration")),
        meter(original, session, samples, samples.size(), damage_options(calibration, setup)) {}

  const model::Model& model;
  JudgeSetup setup;
  runtime::Session session;
  runtime::Samples samples;
  runtime::DamageMeter meter;
};

PlanJudge::PlanJudge(const model::Model& original, const model::Model& model,
                     const runtime::Calibration& calibration, const JudgeSetup& setup)
    : state_(std::make_unique<State>(original, model, calibration, setup)) {}
PlanJudge::~PlanJudge() = default;
PlanJudge::PlanJudge(PlanJudge&&) noexcept = default;

std::uint64_t PlanJudge::samples() const {
  return state_->meter.samples();
}

std::string PlanJudge::measure() const {
  return state_->meter.measure();
}

std::optional<double> PlanJudge::damage(const std::vector<const container::EncodedWeight*>& weights) const {
  const runtime::Session candidate =
      runtime::Session::open(decoded_model(state_->model, weights, {}, state_->setup.threads),
                             {.threads = kRuntimeThreads, .isolate = state_->setup.isolate});
  return state_->meter.of(candidate);
}

}  // namespace tt::pipeline
