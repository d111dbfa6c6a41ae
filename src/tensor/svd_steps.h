// The products of a decomposition by the Gram route, in the arithmetic that its tolerance allows. For
// svd.cc.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/arithmetic.h"
#include "tensor/svd.h"

namespace tt::tensor {

// True if squares and sums of squares stay far inside float32: the condition of Arithmetic::fp32.
bool moderate(std::span<const float> values);

// As gram_of; in fp32 for moderate values only.
std::vector<double> gram_in(const MatrixView& a, Arithmetic arithmetic);

// From the k x d orthonormal rows q of the smaller side: the other side, singular values, signs, the
// certificate. Drops the last components that the lost energy `allowed` (absolute; negative: none) has room
// for. Fills all of Svd but method and failures. Errors: internal if LAPACK fails.
Svd factors_of(const MatrixView& a, std::vector<double> q, std::uint64_t rank, double norm_squared,
               double allowed, Arithmetic arithmetic);

}  // namespace tt::tensor
