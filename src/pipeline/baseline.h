// --baseline: no figure of quality may be worse than in the report of an earlier run.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "pipeline/verify.h"

namespace tt::pipeline {

// The JSON that `tt verify --json` printed. Errors: not_found; bad_data if it is none.
base::Json read_baseline(const std::string& path);

// A gate each for drop, kl_mean, relative_error, max_abs_error, cosine_min, perplexity, eval_drop, as far as
// the report has them: it fails if the figure is worse by more than tolerance x |figure there|. Errors:
// bad_data if the baseline is of another task, number of samples or outputs, or has other figures or one that
// is not finite.
std::vector<Gate> baseline_gates(const base::Json& baseline, double tolerance, const VerifyReport& report);

}  // namespace tt::pipeline
