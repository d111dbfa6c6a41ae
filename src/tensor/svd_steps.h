// The products of a decomposition by the Gram route, in the arithmetic that its tolerance allows. For
// svd.cc.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/svd.h"

namespace tt::tensor {

// fp64: all in double. mixed: eigenproblems in float32. fp32: products in float32 as well, the Gram
// matrix in blocks of 4096 summands that are added in double: to about 1e-7 of its norm. The product with A
// is repeated in double if the error is below 1e-2 of the norm.
enum class Arithmetic : std::uint8_t { fp64, mixed, fp32 };

// True if squares and sums of squares stay far inside float32: the condition of Arithmetic::fp32.
bool moderate(std::span<const float> values);

// As gram_of.
std::vector<double> gram_in(const MatrixView& a, Arithmetic arithmetic);

// From the k x d orthonormal rows q of the smaller side: the other side, singular values, signs, the
// certificate. Drops the last components that the lost energy `allowed` (absolute; negative: none) has room
// for. Fills all of Svd but method and failures. Errors: internal if LAPACK fails.
Svd factors_of(const MatrixView& a, std::vector<double> q, std::uint64_t rank, double norm_squared,
               double allowed, Arithmetic arithmetic);

}  // namespace tt::tensor
