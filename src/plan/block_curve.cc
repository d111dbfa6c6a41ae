#include "plan/block_curve.h"

#include <cmath>

#include "codec/blockquant.h"

namespace tt::plan {

std::vector<Candidate> price_block(const codec::WeightData& weight, const tensor::SicPlan* sic,
                                   const std::vector<codec::Encoding>& choices, std::uint64_t sampled) {
  std::vector<Candidate> candidates;
  const codec::BlockQuantiser quantiser(weight, sic, choices.at(0).axis, sampled);
  for (const codec::Encoding& encoding : choices) {
    codec::codec_for(encoding.format).check(weight.layout, encoding);
    const codec::BlockPoint point = quantiser.at(encoding.bits, encoding.group);
    Candidate candidate{.encoding = encoding,
                        .bytes = static_cast<std::uint64_t>(std::ceil(point.bytes)),
                        .loss = point.output_error * point.output_error,
                        .relative_error = point.weight_error};
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

}  // namespace tt::plan
