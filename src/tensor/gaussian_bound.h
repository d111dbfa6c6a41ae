// The fewest bits that a weight can be coded in.
//
// For Gaussian weights (m outputs, n inputs, every output drawn from the same distribution) whose outputs are
// judged in a metric C, the rate at distortion D is that of classical reverse water-filling over the
// components of W C^1/2, l_i = sigma_i^2 / m (Cover and Thomas, Elements of Information Theory, 10.3):
//   D = m sum_i min(l_i, t),  bits = m sum_i max(0, 1/2 log2(l_i / t)).
// What describes the components is not counted, so the bound cannot be reached. Weights that are not Gaussian
// (binarised, sparse) can be coded in less.
#pragma once

#include <cstdint>

#include "tensor/spectrum.h"

namespace tt::tensor {

// Bits for one of `elements` weights; `error` is relative: D = error^2 total. 0 for error >= 1 and for W = 0,
// infinite for error 0.
double gaussian_bound(const Spectrum& spectrum, std::uint64_t outputs, std::uint64_t elements, double error);

}  // namespace tt::tensor
