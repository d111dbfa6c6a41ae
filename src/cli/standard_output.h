// Data for people and scripts goes to standard output, whole or with an error.
#pragma once

#include <string_view>

namespace tt::cli {

// Errors: write_failed (closed pipe, full disk).
void print(std::string_view text);

}  // namespace tt::cli
