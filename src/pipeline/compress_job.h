// One model on its way to one .tt file: the steps that compress() and its rollback file share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/child.h"
#include "pipeline/compress.h"
#include "pipeline/encoder.h"
#include "pipeline/plan_choice.h"
#include "pipeline/quality_goal.h"
#include "pipeline/selection.h"
#include "pipeline/size_goal.h"
#include "tensor/dtype.h"

namespace tt::pipeline {

// What is known of the model from samples.
struct JobCalibration {
  std::shared_ptr<const runtime::Calibration> known = nullptr;  // null without --calib
  CalibratedAs weights = {};                                    // of the model to be compressed
  bool judges = false;  // limits are measured on what it held out: its samples are not at hand
  std::optional<base::ChildLimits> isolate = {};  // run the model in a child to judge plans
};

class CompressJob {
 public:
  // `original`: the files that were given and what limits are measured against; `model` is it or says the
  // same (folded). `lossless`: the file restores the input byte for byte; the goals of the options do not
  // count.
  CompressJob(const model::Model& model, const model::Model& original, const CompressOptions& options,
              bool lossless, const JobCalibration& calibration, base::Progress& progress);

  // Prices, plans and encodes. `goal` in bytes, UINT64_MAX for none: then the smallest that keeps the limits
  // is taken, without limits the best that the prices know. Errors: goal_unreachable; also if the file would
  // not be smaller than the input.
  const FittedPlan& fit(std::uint64_t goal);
  void write(base::OutputFile& out) const;

  // Of every weight, after fit().
  std::vector<Certificate> certify() const;

  // What the limits were measured to be; nothing without limits.
  const std::optional<Quality>& quality() const { return quality_; }
  std::vector<std::string> limit_warnings() const;
  const Selection& selection() const { return selection_; }
  const WeightMetrics& metrics() const { return metrics_; }
  const PlanChoice& choice() const { return choice_; }
  // Of every weight's values, after fit(). Beyond float32 a weight is kept bit for bit.
  const std::vector<tensor::ValueRange>& ranges() const { return ranges_; }

 private:
  void price_weights(std::uint64_t goal);
  void choose(std::uint64_t budget);
  void compensate(std::uint64_t budget, const PlanJudge& judge);
  QualityFit smallest_within_limits(const Workshop& shop, const Measure& measure);
  void fit_limits(std::uint64_t goal);
  container::Manifest manifest(const model::Skeleton& skeleton) const;

  const model::Model &model_, &original_;
  const CompressOptions& options_;
  bool lossless_;
  base::Progress& progress_;
  unsigned threads_;
  Selection selection_;
  WeightMetrics metrics_;
  plan::Importances importances_;
  PlanChoice choice_;
  std::vector<tensor::ValueRange> ranges_;
  std::vector<plan::Curve> curves_;
  std::optional<container::Writer> writer_;
  std::optional<QualityCheck> check_;  // with limits and samples
  std::optional<base::ChildLimits> isolate_;
  std::optional<Encoder> encoder_;
  std::optional<Quality> quality_;
  FittedPlan fitted_;
};

}  // namespace tt::pipeline
