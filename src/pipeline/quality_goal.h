// The smallest file that keeps limits on quality.
//
// Quality is measured, not predicted: every plan that is tried is encoded, decoded and judged. Bisection over
// the planner's budget (in its logarithm: sizes span two orders of magnitude) brackets the smallest one that
// keeps the limits. Neither bytes nor limits are monotone in the budget, so somewhat smaller budgets are
// tried after that, and what is returned is always a plan that was measured.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "pipeline/quality_limits.h"
#include "pipeline/size_goal.h"

namespace tt::pipeline {

struct QualityFit {
  FittedPlan fitted;
  Quality quality;
};
using Measure = std::function<Quality(const std::vector<const container::EncodedWeight*>&)>;

// What the search works with; all must outlive it.
struct Workshop {
  std::vector<plan::Curve>& curves;
  const plan::Importances& importances;
  const container::Writer& writer;
  Encoder& encoder;
  base::Progress& progress;
  std::uint64_t bytes_in;
};

inline constexpr double kBudgetStep = 1.004;  // bisection ends at this ratio of budgets
inline constexpr int kMaxMeasurements = 40;

// The smallest file. Errors: goal_unreachable, naming what was reached.
QualityFit fit_to_quality(const Workshop& shop, const Measure& measure);

// The file that meets a size goal, or a smaller one that happens to keep the limits, or else what `smallest`
// finds, if it fits; what `smallest` finds should not depend on the goal, so that the size that the error
// names can be asked for. Errors: goal_unreachable, naming that size.
QualityFit fit_within(const Workshop& shop, const Measure& measure, std::uint64_t goal,
                      const std::function<QualityFit()>& smallest);

// The same for a limit on the relative error of every weight: candidates above it leave the curves, those
// that turn out to be above it as well.
QualityFit fit_to_weight_error(const Workshop& shop, double max_error, std::uint64_t goal);

}  // namespace tt::pipeline
