// --input NAME:scale=S,... and [inputs.NAME]: how samples become inputs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/common_options.h"
#include "cli/options.h"
#include "runtime/input_mapping.h"

namespace tt::cli {

// What --input is called in help: NAME:scale=S,mean=M,std=D,shape=N,784.
inline constexpr std::string_view kInputValue = "MAPPING";

// Of every command that reads samples.
inline constexpr OptionSpec kInputOption{
    .name = "input",
    .value = kInputValue,
    .help = "NAME:scale=1/255,mean=M,std=D,shape=N,784: how samples become this input",
    .repeatable = true};
inline constexpr OptionSpec kTaskOption{
    .name = "task", .value = "TASK", .help = "auto, classification, lm, regression, embedding or generic"};

// The configuration's mappings, each key of which an option may replace. Errors: usage (malformed, an input
// twice).
runtime::InputMappings input_mappings(const Invocation& invocation);

// What --task or the configuration says; empty if it is to be chosen.
std::string wished_task(const Config& config);

// Standard input can be read once. Errors: usage if it is named more than once in `files`.
void check_standard_input(std::string_view command, const std::vector<std::string>& files);

}  // namespace tt::cli
