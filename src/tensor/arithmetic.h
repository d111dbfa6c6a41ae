// The precision of a decomposition by the Gram route.
#pragma once

#include <cstdint>

namespace tt::tensor {

// fp64: all in double. mixed: eigenproblems in float32. fp32: products in float32 as well, the Gram matrix in
// blocks of rows that are added in double: to about 1e-7 of its norm.
enum class Arithmetic : std::uint8_t { fp64, mixed, fp32 };

}  // namespace tt::tensor
