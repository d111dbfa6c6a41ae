#include "codec/quant.h"

#include <algorithm>
#include <cmath>

#include "codec/codecs.h"
#include "codec/quant_core.h"

namespace tt::codec {
double largest_value(tensor::DType dtype) {
  switch (dtype) {
    case tensor::DType::f16:
      return 65504;
    case tensor::DType::bf16:
      return 0x1.fep127;
    default:
      return std::numeric_limits<float>::max();
  }
}

tensor::Metric identity_metric(const WeightLayout& layout) {
  tensor::Metric metric;
  metric.axis = layout.rows >= layout.cols ? 1 : 0;
  metric.size = metric.axis == 1 ? layout.cols : layout.rows;
  return metric;
}

const tensor::SicPlan& plan_for(const WeightLayout& layout, const EncodeOptions& options,
                                std::optional<tensor::SicPlan>& own) {
  if (options.sic != nullptr) return *options.sic;
  return own.emplace(options.metric == nullptr ? identity_metric(layout) : *options.metric);
}

double step_for_bytes(double bytes, double start, const std::function<QuantPoint(double step)>& point) {
  constexpr double kEnough = 0.002, kFarthest = 4;
  double best = start, best_miss = HUGE_VAL;
  // Logarithms to the base of two: of the step, and of its bytes over those wished for.
  double at = std::log2(start), finer = -30, coarser = 10, finer_excess = 0, coarser_excess = 0;
  for (int round = 0; round < 16; ++round) {
    const double here = point(std::exp2(at)).bytes, miss = std::abs(here - bytes);
    if (miss < best_miss) best = std::exp2(at), best_miss = miss;
    if (miss <= kEnough * bytes) break;
    const double excess = std::log2(std::max(here, 1.0) / bytes);
    if (excess > 0)
      finer = at, finer_excess = excess;
    else
      coarser = at, coarser_excess = excess;
    // A straight line between two that enclose it, or the middle where it would stay at one of them.
    double next = finer_excess > 0 && coarser_excess < 0
                      ? finer + (coarser - finer) * finer_excess / (finer_excess - coarser_excess)
                      : at + std::clamp(2 * excess, -kFarthest, kFarthest);
    const double margin = 0.1 * (coarser - finer);
    next = std::clamp(next, finer + margin, coarser - margin);
    if (coarser - finer < 1e-6) break;
    at = next;
  }
  return best;
}

namespace {
constexpr double kFinestTrellis = 0x1p-10;  // what it gains is below 2 % there
constexpr std::uint64_t kMostTwice = std::uint64_t{1} << 22;

// A kernel of more than one tap, small enough to be rounded in two ways.
bool is_kernel(const WeightLayout& layout) {
  const tensor::Shape& shape = layout.shape;
  return shape.size() > 2 && layout.elements() <= kMostTwice &&
         std::any_of(shape.begin() + 2, shape.end(), [](std::uint64_t d) { return d > 1; });
}
}  // namespace

Quantiser::Quantiser(const WeightData& weight, const tensor::SicPlan& plan)
    : layout_(weight.layout),
      kernel_(is_kernel(weight.layout)),
      axis_(plan.axis()),
      weight_(plan, {weight.values(), weight.layout.rows, weight.layout.cols}) {}

tensor::SicCodes Quantiser::round(const tensor::SicWeight& weight, double step, bool trellis) const {
  const std::uint64_t run = trellis ? trellis_run(axis_, inputs(), weight.outputs()) : 0;
  return weight.round(weight_.scale_for(step), {.limit = largest_value(layout_.dtype), .run = run});
}

// Along a trellis codes are nearer to the values, free ones of a kernel can be predicted from their
// neighbours: which is better differs from kernel to kernel. A bit an element halves the error.
Quantiser::Rounded Quantiser::better(const tensor::SicWeight& weight, double step, const Bytes& bytes) const {
  const auto rounded = [&](bool trellis) {
    Rounded found{round(weight, step, trellis), 0};
    found.bytes = bytes(found.codes);
    return found;
  };
  if (step < kFinestTrellis) return rounded(false);
  Rounded along = rounded(true);
  if (!kernel_ || along.codes.run == 0) return along;
  Rounded free = rounded(false);
  const auto elements = static_cast<double>(layout_.elements());
  const double worse = std::log2(std::max(along.codes.error, 1e-9) / std::max(free.codes.error, 1e-9));
  return along.bytes + worse * elements / 8 < free.bytes ? std::move(along) : std::move(free);
}

QuantPoint Quantiser::point(const tensor::SicWeight& weight, double step) const {
  const double part = static_cast<double>(weight.outputs()) / static_cast<double>(weight_.outputs());
  const Rounded found = better(
      weight, step, [&](const tensor::SicCodes& codes) { return estimate_quant_core(codes, axis_, part); });
  return {step, found.bytes, found.codes.error, found.codes.weight_error};
}

QuantPoint Quantiser::at(double step) const {
  return point(weight_, step);
}

Quantiser::Sample Quantiser::sample(std::uint64_t elements) const {
  return {*this,
          weight_.sample(std::max<std::uint64_t>(elements / std::max<std::uint64_t>(inputs(), 1), 64))};
}

double Quantiser::step_for_rate(double rate) const {
  const auto elements = static_cast<double>(std::max<std::uint64_t>(layout_.elements(), 1));
  return step_for_bytes(rate * elements / 8, std::exp2(-rate), [&](double step) { return at(step); });
}

Core Quantiser::take_core(double step) {
  const Rounded found = better(weight_, step, [&](const tensor::SicCodes& codes) {
    return kernel_ ? estimate_quant_core(codes, axis_) : 0;
  });
  weight_.release();
  return coded_core(write_quant_core(found.codes, axis_));
}

}  // namespace tt::codec
