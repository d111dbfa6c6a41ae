// Candidates of `blockquant`.
#pragma once

#include <cstdint>
#include <vector>

#include "codec/codec.h"
#include "plan/curve.h"
#include "tensor/sic.h"

namespace tt::plan {

// One candidate an encoding of `choices` (all blockquant, with one axis, complete), measured on about
// `sampled` weights. `sic` null: C = I.
std::vector<Candidate> price_block(const codec::WeightData& weight, const tensor::SicPlan* sic,
                                   const std::vector<codec::Encoding>& choices, std::uint64_t sampled);

}  // namespace tt::plan
