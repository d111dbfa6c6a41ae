#include "tensor/group_codes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "tensor/sic_feedback.h"
#include "tensor/vector_clones.h"

namespace tt::tensor {
namespace {

constexpr std::size_t kLanes = 16;
// Scales tried below the smallest that clips nothing: at 4 bits a good one may be some 40 % smaller.
constexpr int kTriedAt4Bits = 8, kTriedAt8Bits = 2;
// No smaller scale than 8 * 2^-129: below float32 is subnormal.
constexpr int kLeastExponent = -129;
constexpr std::int32_t kNoScale = INT32_MIN;  // of a group of zeros

struct CodeRange {
  float least, most;
};
CodeRange range_of(unsigned bits) {
  const auto half = static_cast<float>(1u << (bits - 1));
  return {-half, half - 1};
}

// Adding and taking away 1.5 * 2^23 rounds to the nearest integer, ties to even.
inline float code_of(float value, float inverse, CodeRange range) {
  constexpr float kRounder = 0x1.8p23f;
  const float clipped = std::min(std::max(value * inverse, range.least), range.most);
  return (clipped + kRounder) - kRounder;
}

// Errors of whole multiples of kLanes values, by lane.
TT_VECTOR_CLONES void add_errors(const float* values, const float* weights, std::size_t count, float scale,
                                 CodeRange range, float* sums) {
  const float inverse = 1 / scale;
  for (std::size_t i = 0; i < count; i += kLanes)
    for (std::size_t l = 0; l < kLanes; ++l) {
      const float error = values[i + l] - scale * code_of(values[i + l], inverse, range);
      sums[l] += weights[i + l] * (error * error);
    }
}

TT_VECTOR_CLONES void round_row(const float* targets, const float* values, const float* scales,
                                std::size_t count, CodeRange range, std::int8_t* codes, float* errors) {
  for (std::size_t o = 0; o < count; ++o) {
    const float code = code_of(targets[o], 1 / scales[o], range);
    codes[o] = static_cast<std::int8_t>(code);
    errors[o] = values[o] - scales[o] * code;
  }
}

// Code of the least scale that is at least `wished` > 0.
std::int32_t code_above(float wished) {
  const int exponent = std::ilogb(wished);
  const float eighths = std::ceil(std::ldexp(wished, 3 - exponent));  // 8 to 16
  return 2 * (8 * (exponent - 3) + static_cast<std::int32_t>(eighths) - 8);
}

// sum (target - (value - error))^2, what a code is away from its target.
double squared_misses(std::span<const float> targets, std::span<const float> values,
                      std::span<const float> errors) {
  std::array<double, kLanes> sums{};
  for (std::size_t o = 0; o < errors.size(); ++o) {
    const double miss = double{targets[o] - values[o]} + double{errors[o]};
    sums[o % kLanes] += miss * miss;
  }
  double sum = 0;
  for (const double lane : sums) sum += lane;
  return sum;
}

}  // namespace

// The values of one group of one output, padded with zeros of no weight.
struct GroupValues {
  std::vector<float> values, weights;
  float largest = 0;

  double error(float scale, CodeRange range) const {
    std::array<float, kLanes> sums{};
    add_errors(values.data(), weights.data(), values.size(), scale, range, sums.data());
    double sum = 0;
    for (const float lane : sums) sum += double{lane};
    return sum;
  }
};

std::uint64_t group_count(std::uint64_t inputs, std::uint64_t group) {
  if (inputs == 0) return 0;
  return group == 0 ? 1 : (inputs - 1) / group + 1;
}

float group_scale(std::int32_t code) {
  const float magnitude = std::ldexp(static_cast<float>(8 + (code >> 1 & 7)), code >> 4);
  return (code & 1) != 0 ? -magnitude : magnitude;
}

namespace {

std::int32_t best_scale(const GroupValues& group, unsigned bits, std::int32_t least) {
  const CodeRange range = range_of(bits);
  if (group.largest == 0) return kNoScale;
  const std::int32_t top = std::max(code_above(group.largest / range.most), least);
  const int tried = bits == 4 ? kTriedAt4Bits : kTriedAt8Bits;
  std::int32_t best = top;
  double best_error = group.error(group_scale(top), range);
  // The even codes downwards and, at 4 bits, their negatives.
  for (int down = bits == 4 ? -1 : 2; down <= 2 * tried && top - down >= least; down += bits == 4 ? 1 : 2) {
    const double error = group.error(group_scale(top - down), range);
    if (error < best_error) best = top - down, best_error = error;
  }
  return best;
}

}  // namespace

// By group and output.
struct GroupQuantiser::Scales {
  unsigned bits = 4;
  std::uint64_t group = 0;  // never 0
  std::vector<std::int32_t> codes;
  std::vector<float> values;
};

namespace {

// C = I along the groups where the plan lies across them.
std::optional<SicPlan> across(const SicPlan& plan, const MatrixView& weight, unsigned axis) {
  if (plan.axis() == axis) return std::nullopt;
  Metric metric;
  metric.axis = axis;
  metric.size = axis == 1 ? weight.cols : weight.rows;
  return SicPlan(metric);
}

}  // namespace

GroupQuantiser::GroupQuantiser(const SicPlan& plan, const MatrixView& weight, unsigned axis)
    : own_(across(plan, weight, axis)),
      plan_(own_ ? *own_ : plan),
      axis_(axis),
      n_(axis == 1 ? weight.cols : weight.rows),
      m_(axis == 1 ? weight.rows : weight.cols),
      exponent_(exponent_of(weight.values)),
      values_(n_ * m_),
      place_(n_) {
  if ((own_ ? m_ : n_) != plan.size())
    throw base::Error(base::ErrorKind::bad_data, "the metric of a layer does not fit its weight",
                      "calibrate with this model");
  for (std::uint64_t k = 0; k < n_; ++k) place_[plan_.order()[k]] = k;
  for (std::uint64_t r = 0; r < weight.rows; ++r)
    for (std::uint64_t c = 0; c < weight.cols; ++c) {
      const std::uint64_t at = axis == 0 ? place_[r] * m_ + c : place_[c] * m_ + r;
      values_[at] = std::ldexp(weight.values[r * weight.cols + c], -exponent_);
    }
  if (own_ && plan.feedback().empty() && !plan.uniform()) {
    outputs_.resize(m_);
    for (std::uint64_t k = 0; k < m_; ++k) outputs_[plan.order()[k]] = plan.gains()[k] * plan.gains()[k];
  }
  SicFeedback(plan_, m_, values_)
      .run([&](std::uint64_t k, std::span<const float> targets, std::span<float> errors) {
        const std::span<const float> values = std::span(values_).subspan(k * m_, m_);
        std::copy(values.begin(), values.end(), errors.begin());
        add(k, targets, values, errors, energy_);
      });
}

void GroupQuantiser::add(std::uint64_t k, std::span<const float> targets, std::span<const float> values,
                         std::span<const float> errors, Sums& sums) const {
  double plain = 0, weighted = 0;
  for (std::size_t o = 0; o < errors.size(); ++o) {
    const double squared = double{errors[o]} * double{errors[o]};
    plain += squared;
    if (!outputs_.empty()) weighted += outputs_[o] * squared;
  }
  sums.squared += plain;
  const double gain = plan_.gains()[k];
  sums.damped += !outputs_.empty() ? weighted : gain * gain * squared_misses(targets, values, errors);
}

// The metric's damping is taken away again; across the groups it is left.
double GroupQuantiser::relative(const Sums& error) const {
  const double ridge = own_ ? 0 : plan_.ridge();
  const double whole = energy_.damped - ridge * energy_.squared;
  return whole > 0 ? std::sqrt(std::max(0.0, error.damped - ridge * error.squared) / whole) : 0;
}

void GroupQuantiser::gather(std::uint64_t group, std::uint64_t first, std::uint64_t output,
                            GroupValues& out) const {
  const std::uint64_t count = std::min(group, n_ - first);
  out.largest = 0;
  out.values.assign((count + kLanes - 1) / kLanes * kLanes, 0.0f);
  out.weights.assign(out.values.size(), 0.0f);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t k = place_[first + i];
    const double gain = plan_.gains()[k];
    out.values[i] = values_[k * m_ + output];
    out.weights[i] = static_cast<float>(gain * gain);
    out.largest = std::max(out.largest, std::abs(out.values[i]));
  }
}

GroupQuantiser::Scales GroupQuantiser::choose_scales(unsigned bits, std::uint64_t group) const {
  Scales scales{bits, group == 0 ? std::max<std::uint64_t>(n_, 1) : group, {}, {}};
  const std::uint64_t groups = group_count(n_, scales.group);
  scales.codes.resize(groups * m_);
  scales.values.resize(groups * m_);
  const std::int32_t least = 16 * (kLeastExponent - exponent_);
  GroupValues values;
  for (std::uint64_t g = 0; g < groups; ++g)
    for (std::uint64_t o = 0; o < m_; ++o) {
      gather(scales.group, g * scales.group, o, values);
      scales.codes[g * m_ + o] = best_scale(values, bits, least);
    }
  // Groups of zeros take the scale before them: any will do.
  const auto some = std::find_if(scales.codes.begin(), scales.codes.end(),
                                 [](std::int32_t code) { return code != kNoScale; });
  std::int32_t last = some == scales.codes.end() ? least : *some;
  for (std::size_t i = 0; i < scales.codes.size(); ++i) {
    last = scales.codes[i] = scales.codes[i] == kNoScale ? last : scales.codes[i];
    scales.values[i] = group_scale(last);
  }
  return scales;
}

void GroupQuantiser::round_input(std::uint64_t k, const Scales& scales, std::span<const float> targets,
                                 std::span<float> errors, GroupCodes& out) const {
  const std::uint64_t input = plan_.order()[k];
  const float* const row = scales.values.data() + input / scales.group * m_;
  if (axis_ == 0) {
    round_row(targets.data(), values_.data() + k * m_, row, m_, range_of(scales.bits),
              out.codes.data() + input * m_, errors.data());
    return;
  }
  std::vector<std::int8_t> codes(m_);
  round_row(targets.data(), values_.data() + k * m_, row, m_, range_of(scales.bits), codes.data(),
            errors.data());
  for (std::uint64_t o = 0; o < m_; ++o) out.codes[o * n_ + input] = codes[o];
}

GroupCodes GroupQuantiser::round(unsigned bits, std::uint64_t group) const {
  const Scales scales = choose_scales(bits, group);
  GroupCodes out{axis_ == 1 ? m_ : n_, axis_ == 1 ? n_ : m_, {}, {}, 0, 0};
  out.codes.resize(n_ * m_);
  Sums sums;
  SicFeedback(plan_, m_, values_)
      .run([&](std::uint64_t k, std::span<const float> targets, std::span<float> errors) {
        round_input(k, scales, targets, errors, out);
        add(k, targets, std::span(values_).subspan(k * m_, m_), errors, sums);
      });
  out.error = relative(sums);
  out.weight_error = energy_.squared > 0 ? std::sqrt(sums.squared / energy_.squared) : 0;
  const std::uint64_t groups = group_count(n_, scales.group);
  out.scale_codes.resize(scales.codes.size());
  for (std::uint64_t g = 0; g < groups; ++g)
    for (std::uint64_t o = 0; o < m_; ++o)
      out.scale_codes[axis_ == 1 ? o * groups + g : g * m_ + o] = scales.codes[g * m_ + o] + 16 * exponent_;
  return out;
}

}  // namespace tt::tensor
