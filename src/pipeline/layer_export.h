// Chosen weights of a container as a safetensors file.
#pragma once

#include <string>
#include <vector>

#include "base/output_file.h"
#include "base/progress.h"
#include "container/container.h"

namespace tt::pipeline {

// Weights that PATTERN matches (name or role). Errors: usage if there is none.
std::vector<std::size_t> matching_weights(const container::Container& container, const std::string& pattern);

// dtype: original, f32 or f16 (rounded to nearest even; errors: bad_data if a finite value has no finite
// half).
void export_layers(const container::Container& container, const std::vector<std::size_t>& weights,
                   const std::string& dtype, base::OutputFile& out, unsigned threads,
                   base::Progress& progress);

}  // namespace tt::pipeline
