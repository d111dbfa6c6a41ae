// Paths that name the same file, so that an output never replaces its own input.
#pragma once

#include <string>
#include <string_view>

namespace tt::cli {

// Same device and inode after following links; "-" as `input` is standard input. False if one does not exist.
bool is_same_file(const std::string& input, const std::string& output);

// Errors: usage if `output` (of option --`option`) is the same file as `input`.
void check_output(std::string_view command, std::string_view option, const std::string& input,
                  const std::string& output);

}  // namespace tt::cli
