// int32_data of float16 and bfloat16 tensors: one varint an element.
#pragma once

#include <cstdint>

#include "base/input_file.h"

namespace tt::model {

// True if the range holds exactly `elements` varints of the shortest form, none above 65535: then
// to_varint16(from_varint16(x)) == x.
bool is_canonical_varint16(const base::InputFile& file, std::uint64_t offset, std::uint64_t length,
                           std::uint64_t elements);

}  // namespace tt::model
