// The rows of an output: what one cosine or one prediction is about.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/array.h"

namespace tt::runtime {

// The first axis is that of the samples (an array without axes is one sample). A row is the last axis, or the
// whole sample if that axis is 1 or there is none.
struct Rows {
  std::uint64_t samples = 1;
  std::uint64_t per_sample = 1;  // rows
  std::uint64_t length = 1;      // values of a row
  std::uint64_t count() const { return samples * per_sample; }
};
Rows rows_of(const tensor::Shape& shape);

// "output 'x' of the candidate has the shape 3x2 where the original has 3x4". Errors: bad_data if so.
void require_same_shape(const Array& original, const Array& candidate, const std::string& what);

}  // namespace tt::runtime
