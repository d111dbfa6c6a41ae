// Candidates of the factorisations.
#pragma once

#include <vector>

#include "codec/codec.h"
#include "plan/price.h"

namespace tt::plan {

// Ranks 1 .. the largest that is smaller than the dense payload (and allowed by max_rank and epsilon), for
// each core type.
std::vector<Candidate> price_low_rank(const codec::WeightLayout& layout, std::span<const float> values,
                                      const PriceOptions& options,
                                      const std::vector<tensor::DType>& core_types);

// Uniform rank caps 1, 2, 3, ... over the bonds of `modes`.
std::vector<Candidate> price_tensor_train(const codec::WeightLayout& layout, std::span<const float> values,
                                          const std::vector<std::uint64_t>& modes,
                                          const PriceOptions& options,
                                          const std::vector<tensor::DType>& core_types);

}  // namespace tt::plan
