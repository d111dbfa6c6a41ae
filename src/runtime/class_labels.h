// The class label of every prediction: from the user's labels, or the next token of the input.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/array.h"
#include "runtime/labels.h"
#include "runtime/rows.h"
#include "runtime/signature.h"

namespace tt::runtime {

// Labels of samples [begin, begin + count), one a row of an output with `rows`. Errors: bad_data: another
// number a sample than rows, no whole numbers, outside 0..classes-1 (Predictions::kIgnored is allowed).
std::vector<std::int64_t> class_labels(const Labels& labels, std::uint64_t begin, std::uint64_t count,
                                       const Rows& rows);

// The input whose integers are the tokens [N, T] of an output [N, T, V]: the only integer input of the shape
// [N, T] (other than `mask_input`), else the one of these called "input_ids" or "...ids" that is not about
// types or positions. Empty if there is none, or T is 1.
std::string token_input(const NamedArrays& inputs, const tensor::Shape& output,
                        const std::string& mask_input);

// For the prediction at position t the token at t + 1; kIgnored for the last one, and where `mask` (of the
// tokens' shape, or empty) is 0 at t + 1.
std::vector<std::int64_t> next_tokens(const Array& tokens, const std::vector<std::uint8_t>& mask);

// True if the axes of `flags` are the first axes of `values`.
bool is_prefix(const tensor::Shape& flags, const tensor::Shape& values);
// 1 where the array is not 0.
std::vector<std::uint8_t> nonzero(const Array& array);

}  // namespace tt::runtime
