// Candidates of `lowrank` with coded factors (codec/coded_factors.h): bytes and error over the step.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "codec/codec.h"
#include "plan/curve.h"
#include "tensor/sic.h"

namespace tt::plan {

struct FactorGrid {
  double ratio = 0.70710678118654752;  // of neighbouring steps
  std::optional<std::uint64_t> max_rank = {};
};

// `loss` counts an error a quarter more than one of `quant` where there is a metric, half as much where there
// is none (the .cc says why).
// From the step at which the first component appears down to where the candidates of `rival`, in ascending
// bytes, are smaller at equal loss (of `loss` as price() has it before retention_loss), or the rank is half
// of what has as many numbers as the weight: beyond it dense codes always won. Tall weights (codec::is_tall)
// keep all components: with them nothing is left out, and loss is that of `quant`. `sic` null: C = I. None
// for weights whose singular values would take too long, or that have no coded factors.
inline constexpr std::uint64_t kMaxFactorSide = 4096;  // the smaller one
inline constexpr std::uint64_t kMaxFactorElements = std::uint64_t{1} << 24;
std::vector<Candidate> price_coded_factors(const codec::WeightData& weight, const tensor::SicPlan* sic,
                                           const Curve& rival, const FactorGrid& grid = {});

}  // namespace tt::plan
