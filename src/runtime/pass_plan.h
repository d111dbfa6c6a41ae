// Which inputs are summed in one pass over the samples, and how many samples go into one run.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/input_sum.h"

namespace tt::runtime {

struct PassPlan {
  std::uint64_t batch = 1;                        // samples in a run
  std::vector<std::vector<std::size_t>> groups;  // indices of the inputs, in order
};

// Arrays of one run stay below 24 MiB and sums of one pass below 160 MiB where a single sample and a single
// input allow it. Depends on sizes alone: neither threads nor memory change how the sums are rounded.
// `sample_bytes`: of every input's array, for one sample; `fixed`: the graph's batch.
PassPlan plan_passes(const std::vector<LayerInput>& inputs, const std::vector<std::uint64_t>& sample_bytes,
                     std::uint64_t fixed);

}  // namespace tt::runtime
