// Codes of which the errors cancel along given directions.
//
// For every line e of n rounding errors along a side, code by code changed by one as long as that lowers
//   sum_i (e_i / s_i)^2 + n / mean(s^2) ||Q e||^2,
// s_i the step of entry i, Q (count x n) orthonormal: the directions count as much as all errors together.
// Rounding errors are spread over all directions, and a few of many codes are near enough to the next integer
// to make up for what falls on few of them.
#pragma once

#include <span>

#include "tensor/sic.h"

namespace tt::codec {

// `values`: what the codes were rounded from, inputs x outputs. Lines are along the inputs of the codes, or
// their outputs. Codes of inputs without a step stay zero; codes on a trellis must not be given.
void cancel_errors(tensor::SicCodes& codes, std::span<const float> values, bool along_inputs,
                   std::span<const double> directions);

}  // namespace tt::codec
