// The damage of whole plans, measured on the samples that calibration held out: the planner's additive model
// only proposes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/child.h"
#include "container/container.h"
#include "model/model.h"
#include "runtime/calibration.h"

namespace tt::pipeline {

struct JudgeSetup {
  std::string task;  // empty = chosen
  unsigned threads = 1;
  std::optional<base::ChildLimits> isolate = {};  // the model runs in a child process
};

class PlanJudge {
 public:
  // The weights are those of `model`, which says the same as `original` (folded) or is it. All must outlive
  // it; the calibration has held-out samples. Errors: those of runtime.
  PlanJudge(const model::Model& original, const model::Model& model, const runtime::Calibration& calibration,
            const JudgeSetup& setup);
  ~PlanJudge();
  PlanJudge(PlanJudge&&) noexcept;

  std::uint64_t samples() const;
  std::string measure() const;  // runtime/damage.h
  // Of the model as it will be decoded; nothing if its outputs are not finite. Errors: those of runtime.
  std::optional<double> damage(const std::vector<const container::EncodedWeight*>& weights) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tt::pipeline
