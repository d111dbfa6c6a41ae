// --help of tt and of its commands.
#pragma once

#include <string>

#include "cli/commands.h"

namespace tt::cli {

std::string version_text();                     // "tt 0.1.0\n"
std::string usage_text();                       // a few lines, for `tt` alone
std::string overview_text();                    // `tt help`
std::string help_text(const Command& command);  // `tt help X` and `tt X --help`

}  // namespace tt::cli
