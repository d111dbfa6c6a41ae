// The hash of an output before it is published.
#pragma once

#include <string>

#include "base/output_file.h"

namespace tt::pipeline {

// 64 hex digits of the SHA-256 of everything written so far.
std::string sha256_of(const base::OutputFile& out);

}  // namespace tt::pipeline
