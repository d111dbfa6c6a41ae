// Arguments and configuration of `tt verify ORIGINAL CANDIDATE` as options of the pipeline.
#pragma once

#include "cli/common_options.h"
#include "pipeline/verify.h"

namespace tt::cli {

// Two positional arguments are given. Errors: usage.
pipeline::VerifyOptions verify_options(const Invocation& invocation);

}  // namespace tt::cli
