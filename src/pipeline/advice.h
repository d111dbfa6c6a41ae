// Recommendations in words, each derived from figures of the analysis.
#pragma once

#include <string>
#include <vector>

#include "pipeline/safety_order.h"
#include "pipeline/similarity.h"
#include "pipeline/weight_analysis.h"

namespace tt::pipeline {

// kind: compress_first, keep_exact, low_rank, no_low_rank, few_values, sparse, outliers, alike, not_finite.
struct Advice {
  std::string kind, text;
  std::vector<std::size_t> weights;  // indices, of which the text names the first few
};

// Few: at most one of each kind. Limits that decide are constants of advice.cc, named in docs/analyze.md.
std::vector<Advice> advice_for(const std::vector<WeightAnalysis>& weights, const SafetyOrder& order,
                               const std::vector<SimilarPair>& similar);

}  // namespace tt::pipeline
