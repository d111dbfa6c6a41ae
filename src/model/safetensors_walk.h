// The header of a safetensors file: u64 length, JSON, data. https://huggingface.co/docs/safetensors
#pragma once

#include <string>
#include <vector>

#include "base/input_file.h"
#include "model/model.h"

namespace tt::model {

inline constexpr std::uint64_t kMaxSafetensorsHeader = 25'000'000;

// True if the file starts like a safetensors file, sound or not.
bool looks_like_safetensors(const base::InputFile& file);

// Weights in the order of their data, without roles. Adds notes on what passes through.
// Errors: bad_data (header, hole, overlap, size other than the shape says, and .tt files, with a hint);
// resource_limit (header size).
std::vector<Weight> walk_safetensors(const base::InputFile& file, std::vector<std::string>& notes,
                                     std::uint64_t min_elements = kMinWeightElements);

}  // namespace tt::model
