// Candidates of `tucker` (codec/tap_quantiser.h): bytes and error over the step.
#pragma once

#include <vector>

#include "codec/codec.h"
#include "plan/curve.h"
#include "tensor/sic.h"

namespace tt::plan {

// At the steps of `quant`, the candidates of that encoding `sampled` as in QuantGrid, `sic` null: C = I. None
// for weights that are no kernels, too wide, or see flat patches only.
std::vector<Candidate> price_taps(const codec::WeightData& weight, const tensor::SicPlan* sic,
                                  const Curve& quant, std::uint64_t sampled);

}  // namespace tt::plan
