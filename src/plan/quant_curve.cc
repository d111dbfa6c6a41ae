#include "plan/quant_curve.h"

#include <algorithm>
#include <cmath>

namespace tt::plan {
namespace {

constexpr double kLargestStep = 2.9, kCurvedRatio = 0.70710678118654752, kStraightRatio = 0.25;
constexpr double kSmallestStep = 4e-9;  // below the rounding of float32
constexpr double kCurvedBits = 1;
constexpr std::uint64_t kMaxColumns = std::uint64_t{1} << 24;
constexpr double kMostBits = 26;
constexpr double kLeastGain = 0.9;  // of the error, from one point to the next

double between(double a, double b, double part) {
  return a > 0 && b > 0 ? std::exp((1 - part) * std::log(a) + part * std::log(b)) : (1 - part) * a + part * b;
}

Candidate between(const Candidate& a, const Candidate& b, double part) {
  Candidate middle = a;
  middle.encoding.rank = std::max(a.encoding.rank, b.encoding.rank);
  middle.encoding.step = between(a.encoding.step, b.encoding.step, part);
  middle.bytes = a.bytes + static_cast<std::uint64_t>(part * static_cast<double>(b.bytes - a.bytes));
  middle.loss = between(a.loss, b.loss, part);
  middle.relative_error = between(a.relative_error, b.relative_error, part);
  return middle;
}

}  // namespace

Candidate candidate_at(codec::Format format, const codec::QuantPoint& point) {
  return {.encoding = {.format = format, .step = point.step},
          .bytes = static_cast<std::uint64_t>(std::ceil(point.bytes)),
          .loss = point.output_error * point.output_error,
          .relative_error = point.weight_error};
}

std::vector<Candidate> price_quant(const codec::WeightData& weight, const tensor::SicPlan* sic, bool gently,
                                   const QuantGrid& grid) {
  std::vector<Candidate> candidates;
  if (weight.layout.elements() == 0 || weight.layout.cols > kMaxColumns) return candidates;
  std::optional<tensor::SicPlan> own;
  const codec::Quantiser quantiser(weight, codec::plan_for(weight.layout, {.sic = sic}, own));
  const codec::Quantiser::Sample sample = quantiser.sample(grid.sampled);
  const auto elements = static_cast<double>(weight.layout.elements());
  double ratio = kCurvedRatio, last_error = HUGE_VAL;
  for (double step = kLargestStep; step > kSmallestStep; step *= ratio) {
    const codec::QuantPoint point = sample.at(step);
    if (ratio == kStraightRatio && point.output_error > kLeastGain * last_error) break;
    last_error = point.output_error;
    // Nothing but zeros: the next smaller step is the first that says anything.
    if (point.output_error >= 1 && !candidates.empty()) candidates.clear();
    // An error of zero would promise a weight that is bit-exact.
    if (!(point.output_error > 0)) break;
    if (!gently || point.output_error <= kGentle)
      candidates.push_back(candidate_at(codec::Format::quant, point));
    if (point.bytes * 8 > kMostBits * elements) break;
    if (point.bytes * 8 > kCurvedBits * elements) ratio = grid.ratio;
    if (point.bytes * 8 > kStraightBits * elements) ratio = kStraightRatio;
  }
  return candidates;
}

Curve refine(const Curve& curve, std::uint64_t pitch) {
  Curve fine;
  for (std::size_t i = 0; i < curve.size(); ++i) {
    fine.push_back(curve[i]);
    if (i + 1 == curve.size()) continue;
    const std::uint64_t gap = curve[i + 1].bytes - curve[i].bytes;
    const std::uint64_t pieces = std::min(gap / std::max<std::uint64_t>(pitch, 1) + 1, kMaxBetween + 1);
    for (std::uint64_t piece = 1; piece < pieces; ++piece)
      fine.push_back(
          between(curve[i], curve[i + 1], static_cast<double>(piece) / static_cast<double>(pieces)));
  }
  return fine;
}

}  // namespace tt::plan
