// The options of `tt analyze --sweep`.
#pragma once

#include <string>
#include <vector>

#include "cli/common_options.h"
#include "pipeline/analyze.h"
#include "pipeline/sweep.h"

namespace tt::cli {

std::vector<OptionSpec> sweep_specs();

// The model, samples and patterns are those of `analysis`; analyze's own options hold. Errors: usage (an
// option without its sweep, a value out of range).
pipeline::SweepOptions sweep_options(const Invocation& invocation, const pipeline::AnalyzeOptions& analysis);
// Errors: usage: --ratios and the like without --sweep.
void check_no_sweep(const Arguments& arguments);

}  // namespace tt::cli
