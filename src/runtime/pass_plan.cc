#include "runtime/pass_plan.h"

#include <algorithm>
#include <numeric>

#include "runtime/calibration.h"

namespace tt::runtime {
namespace {

constexpr std::uint64_t kRunBytes = 24 << 20, kSumBytes = 160 << 20, kMostSamples = 64;

// Of one input while it is summed: the block, the bins, and the rows that wait.
std::uint64_t sum_bytes(const LayerInput& input) {
  const std::uint64_t entries =
      BinnedSum::entries(sum_form(input.kind), sum_size(input.kind, input.size));
  return 16 * entries + 8 * (input.diagonal() ? input.size : input.size * input.size);
}

}  // namespace

PassPlan plan_passes(const std::vector<LayerInput>& inputs, const std::vector<std::uint64_t>& sample_bytes,
                     std::uint64_t fixed) {
  PassPlan plan;
  const std::uint64_t all = std::accumulate(sample_bytes.begin(), sample_bytes.end(), std::uint64_t{1});
  plan.batch = fixed;
  while (plan.batch * 2 <= std::max(kMostSamples, fixed) && plan.batch * 2 * all <= kRunBytes &&
         kCalibrationBlock % (plan.batch * 2) == 0)
    plan.batch *= 2;
  std::uint64_t arrays = 0, sums = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::uint64_t array = sample_bytes[i] * plan.batch, sum = sum_bytes(inputs[i]);
    if (i == 0 || arrays + array > kRunBytes || sums + sum > kSumBytes) {
      plan.groups.emplace_back();
      arrays = sums = 0;
    }
    plan.groups.back().push_back(i);
    arrays += array;
    sums += sum;
  }
  return plan;
}

}  // namespace tt::runtime
