// Samples for models whose inputs say what they are, where the user has none.
//
// tokens    integers [batch, length] that look up rows of a table: uniform over the rows. Tables of two rows
//           (kinds of tokens) get 0, inputs named "...position..." 0, 1, 2, ...; other integers and booleans
//           of rank 2 beside them are masks: 1.
// pictures  rank 4 with 1, 3 or 4 channels in front (or behind the sizes) that go into a convolution: noise
//           whose amplitude falls as 1 / frequency, as that of photographs does (Field, JOSA A 1987), made of
//           octaves of linearly interpolated values; contrast and mean of each picture and channel vary. The
//           scale s is such that the first kernel's outputs are as large as its bias, rms(b) / rms(|row|)
//           within [1/4, 64], 1 without a bias; uint8 inputs get 128 + 64 x.
// Free sizes are kPictureSide and `length`.
#pragma once

#include <cstdint>
#include <vector>

#include "model/model.h"
#include "runtime/array.h"
#include "runtime/signature.h"

namespace tt::runtime {

inline constexpr std::uint64_t kPictureSide = 224;

struct GenerateOptions {
  std::uint64_t samples = 32;  // rounded up to whole batches where the graph fixes them
  std::uint64_t length = 64;   // of free sequences
  std::uint64_t seed = 0;
};

// Arrays for all inputs, in their order. Errors: unsupported: an input that is none of these, named;
// resource_limit above 1 GiB.
NamedArrays generate_samples(const model::Model& model, const std::vector<ValueInfo>& inputs,
                             const GenerateOptions& options);

}  // namespace tt::runtime
