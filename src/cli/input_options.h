// --input NAME:scale=S,... and [inputs.NAME]: how samples become inputs.
#pragma once

#include "cli/common_options.h"
#include "runtime/input_mapping.h"

namespace tt::cli {

// What --input is called in help: NAME:scale=S,mean=M,std=D,shape=N,784.
inline constexpr std::string_view kInputValue = "MAPPING";

// The configuration's mappings, each key of which an option may replace. Errors: usage (malformed, an input
// twice).
runtime::InputMappings input_mappings(const Invocation& invocation);

}  // namespace tt::cli
