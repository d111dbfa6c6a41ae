// Options of `compress` that limit the loss of quality.
#pragma once

#include <vector>

#include "cli/common_options.h"
#include "cli/options.h"
#include "pipeline/quality_limits.h"

namespace tt::cli {

// What --help and the parser know of them.
std::vector<OptionSpec> limit_options();

// From options and configuration. Errors: usage.
pipeline::QualityLimits quality_limits(const Invocation& invocation);

}  // namespace tt::cli
