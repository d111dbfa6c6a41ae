#include "plan/factor_curve.h"

#include <algorithm>
#include <cmath>

#include "codec/coded_factors.h"

namespace tt::plan {
namespace {

constexpr std::uint64_t kLeastSide = 4;
constexpr int kMaxPoints = 40;
constexpr int kMostBehind = 3;   // points in a row that lose to the rival
constexpr double kBehind = 1.1;  // times the rival's bytes
constexpr double kLeastError = 0.004;
constexpr std::uint64_t kSampled = std::uint64_t{1} << 19;  // numbers of a tall weight's longer factor
// What a whole component leaves behind is of one kind, where rounding errors of `quant` cancel: at equal
// error in the metric the model suffers more. Measured with samples, real and generated (vttrack in 87 kB:
// relative error 0.55 with quant alone, 0.79 with 1 here, 0.51 with this; ultraface in 178 kB: 0.0006,
// 0.0012, 0.0006).
constexpr double kComponentHarm = 1.25;
// Without samples it is the other way round: inputs run along the strong components, which are coded finely
// here, and what is left out of weak ones shows little, where dense codes are as coarse everywhere
// (mnist_mlp_1024 in 466 kB: relative error of the outputs 0.19 with 1 here, 0.035 with this; in 224 kB 0.12
// and 0.044; unitree_velocity in 54 kB 0.22 and 0.24; silero_vad the same).
constexpr double kUnseenHarm = 0.5;

bool is_matrix(const codec::WeightLayout& layout) {
  const std::uint64_t least = std::min(layout.rows, layout.cols);
  return least >= kLeastSide && least <= kMaxFactorSide && layout.elements() <= kMaxFactorElements;
}

// The rival's bytes at `loss`; infinite where it has none that small, nothing where it starts below.
double bytes_at(const Curve& rival, double loss) {
  const auto below = std::find_if(rival.begin(), rival.end(),
                                  [&](const Candidate& candidate) { return candidate.loss <= loss; });
  if (below == rival.end()) return HUGE_VAL;
  if (below == rival.begin() || below->loss <= 0) return static_cast<double>(below->bytes);
  const Candidate& above = *std::prev(below);
  const double part = std::log(above.loss / loss) / std::log(above.loss / below->loss);
  return static_cast<double>(above.bytes) + part * static_cast<double>(below->bytes - above.bytes);
}

Candidate candidate_of(const codec::FactorQuantiser::Point& point, double harm) {
  return {.encoding = {.format = codec::Format::lowrank, .rank = point.rank, .step = point.cost.step},
          .bytes = static_cast<std::uint64_t>(std::ceil(point.cost.bytes)),
          .loss = harm * point.cost.output_error * point.cost.output_error,
          .relative_error = point.cost.weight_error};
}

}  // namespace

std::vector<Candidate> price_coded_factors(const codec::WeightData& weight, const tensor::SicPlan* sic,
                                           const Curve& rival, const FactorGrid& grid) {
  std::vector<Candidate> candidates;
  if (!is_matrix(weight.layout) || !codec::has_coded_factors(weight)) return candidates;
  std::optional<tensor::SicPlan> own;
  const tensor::SicPlan& plan = codec::plan_for(weight.layout, {.sic = sic}, own);
  const bool tall = codec::is_tall(weight.layout);
  const std::uint64_t all = codec::most_coded_rank(weight.layout);
  const std::uint64_t most = tall ? all : std::max<std::uint64_t>(1, all / 2);
  const codec::FactorQuantiser quantiser(weight, plan, std::min(grid.max_rank.value_or(most), most),
                                         kSampled);
  const double harm = plan.uniform() ? kUnseenHarm : kComponentHarm;
  double step = quantiser.largest_step();
  int behind = 0;
  for (int point = 0; point < kMaxPoints && behind < kMostBehind; ++point, step *= grid.ratio) {
    const codec::FactorQuantiser::Point here = quantiser.at(step);
    if (here.rank == 0 || !(here.cost.output_error < 1)) continue;
    if (!(here.cost.output_error > kLeastError)) break;
    const bool complete = tall && here.rank == all;
    candidates.push_back(candidate_of(here, complete ? 1 : harm));
    const double rivals = bytes_at(rival, candidates.back().loss);
    // A tall weight is good at it once nothing is left out.
    behind = here.cost.bytes > kBehind * rivals && (!tall || complete) ? behind + 1 : 0;
    if (here.rank >= quantiser.max_rank() && !complete) break;
  }
  return candidates;
}

}  // namespace tt::plan
