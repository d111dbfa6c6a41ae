// Candidates of the encodings that round single values.
#pragma once

#include <span>
#include <vector>

#include "codec/codec.h"
#include "plan/curve.h"

namespace tt::plan {

// `f16` with `fewest` to 10 mantissa bits; none if a value has no half.
std::vector<Candidate> price_halves(std::span<const float> values, unsigned fewest);

// `rounded`: what lies between the ten bits of `f16` and all bits of the weight's own type.
std::vector<Candidate> price_rounded(const codec::WeightData& weight);

// Relative error of the weight as float32: 0 but for f64; not finite where one of its elements or
// the sum of their squares overflows.
double narrowing_error(const codec::WeightData& weight);

}  // namespace tt::plan
