// Factors in the type they are stored in.
#pragma once

#include <span>
#include <vector>

#include "codec/codec.h"

namespace tt::codec {

// Errors: usage unless the cores of `encoding` are f16 or f32.
void check_core_dtype(const Encoding& encoding);
// True if no value rounds to infinity (or is not finite already) as a half.
bool fits_half(std::span<const float> values);
// The values as they will be read back. Errors: usage if one does not fit.
std::vector<float> rounded_core(std::span<const float> values, tensor::DType dtype);
Core make_core(const CoreLayout& layout, std::span<const float> values);

// Makes the largest entries of column k of left and row k of right alike, by a power of two: halves neither
// overflow nor underflow as long as one side could take what the other has to spare. Rows and columns that
// are zero or not finite stay.
void balance(tensor::LowRank& factors);

}  // namespace tt::codec
