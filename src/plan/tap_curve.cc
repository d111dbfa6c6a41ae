#include "plan/tap_curve.h"

#include "codec/tap_quantiser.h"
#include "plan/quant_curve.h"

namespace tt::plan {
namespace {

// Where a layer sees next to nothing but flat patches, rounding errors of the first function show at every
// position alike and add up in later layers, which the metric does not see (super_resolution, share 0.96:
// conv2 in 10 kB has 0.65 of the error by quant in the metric and 1.8 times the model's. In squeezenet,
// candy, vttrack and ultraface, shares up to 0.91, the model gains what the metric says, or more).
constexpr double kMostAlike = 0.93;

}  // namespace

std::vector<Candidate> price_taps(const codec::WeightData& weight, const tensor::SicPlan* sic,
                                  const Curve& quant, std::uint64_t sampled) {
  std::vector<Candidate> candidates;
  if (!codec::kernel_shape(weight.layout)) return candidates;
  std::optional<tensor::SicPlan> own;
  const tensor::SicPlan& plan = codec::plan_for(weight.layout, {.sic = sic}, own);
  if (!codec::has_tap_basis(weight, plan)) return candidates;
  const codec::TapQuantiser quantiser(weight, plan);
  if (quantiser.alike() > kMostAlike) return candidates;
  const codec::TapQuantiser::Sample sample(quantiser, sampled);
  for (const Candidate& rival : quant) {
    const codec::QuantPoint point = sample.at(rival.encoding.step);
    if (point.output_error > 0 && point.output_error < 1)
      candidates.push_back(candidate_at(codec::Format::tucker, point));
  }
  return candidates;
}

}  // namespace tt::plan
