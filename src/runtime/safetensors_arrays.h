// The tensors of a safetensors file as arrays, all number types: https://huggingface.co/docs/safetensors
#pragma once

#include <memory>

#include "runtime/array_source.h"

namespace tt::runtime {

// Errors: bad_data (header, ranges that leave the file or do not fit the shape, a type that is no array of
// numbers), resource_limit.
ArraySources open_safetensors_arrays(std::shared_ptr<const base::InputFile> file);

}  // namespace tt::runtime
