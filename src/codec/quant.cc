#include "codec/quant.h"

#include <algorithm>
#include <cmath>

#include "codec/code_coder.h"
#include "codec/cursor.h"

namespace tt::codec {
namespace {

// The codes as they are coded: a matrix in the orientation of the weight, without the rows or columns of
// which all codes are zero.
class CodedMatrix {
 public:
  CodedMatrix(const tensor::SicCodes& from, unsigned axis) : from_(from), axis_(axis) {
    for (std::uint64_t i = 0; i < from.inputs; ++i)
      if (from.step_codes.empty() || from.step_codes[i] != 0) live_.push_back(i);
  }
  std::uint64_t rows() const { return axis_ == 1 ? from_.outputs : live_.size(); }
  std::uint64_t cols() const { return axis_ == 1 ? live_.size() : from_.outputs; }

  std::vector<std::int32_t> band(std::uint64_t first, std::uint64_t count) const {
    std::vector<std::int32_t> codes(count * cols());
    const std::uint64_t m = from_.outputs;
    if (axis_ == 1) {
      transpose(first, count, codes);
      return codes;
    }
    for (std::uint64_t i = 0; i < count; ++i)
      std::copy_n(from_.codes.data() + live_[first + i] * m, m, codes.data() + i * m);
    return codes;
  }

 private:
  // A few inputs at a time: each of their cache lines is then read once.
  void transpose(std::uint64_t first, std::uint64_t count, std::vector<std::int32_t>& codes) const {
    constexpr std::uint64_t kTile = 16;
    for (std::uint64_t tile = 0; tile < live_.size(); tile += kTile) {
      const std::uint64_t end = std::min<std::uint64_t>(tile + kTile, live_.size());
      for (std::uint64_t o = 0; o < count; ++o)
        for (std::uint64_t i = tile; i < end; ++i)
          codes[o * live_.size() + i] = from_.codes[live_[i] * from_.outputs + first + o];
    }
  }

  const tensor::SicCodes& from_;
  unsigned axis_;
  std::vector<std::uint64_t> live_;
};

base::Bytes coded_steps(const tensor::SicCodes& from) {
  std::vector<std::int32_t> codes;
  for (const std::uint32_t code : from.step_codes) codes.push_back(static_cast<std::int32_t>(code));
  return encode_codes({1, codes.size(), codes});
}

// Everything before the code stream: docs/formats/encodings.md, "quant".
base::Bytes head(const tensor::SicCodes& from, unsigned axis) {
  base::Bytes bytes;
  bytes.push_back(static_cast<std::uint8_t>(from.step_codes.empty() ? 0 : axis == 1 ? 1 : 2));
  base::append_le(bytes, from.scale);
  if (from.step_codes.empty()) return bytes;
  const base::Bytes steps = coded_steps(from);
  append_varint(bytes, static_cast<std::uint32_t>(steps.size()));
  bytes.insert(bytes.end(), steps.begin(), steps.end());
  return bytes;
}

}  // namespace

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

Quantiser::Quantiser(const WeightData& weight, const tensor::SicPlan& plan)
    : layout_(weight.layout),
      axis_(plan.axis()),
      weight_(plan, {weight.values(), weight.layout.rows, weight.layout.cols}) {}

tensor::SicCodes Quantiser::round(const tensor::SicWeight& weight, double step) const {
  return weight.round(weight_.scale_for(step), {.limit = largest_value(layout_.dtype)});
}

QuantPoint Quantiser::point(const tensor::SicWeight& weight, double step) const {
  const tensor::SicCodes codes = round(weight, step);
  const CodedMatrix matrix(codes, axis_);
  const double part = static_cast<double>(weight.outputs()) / static_cast<double>(weight_.outputs());
  const double bits = estimate_bits({matrix.rows(), matrix.cols(), matrix.band(0, matrix.rows())});
  return {step, static_cast<double>(head(codes, axis_).size()) + bits / 8 / part, codes.error,
          codes.weight_error};
}

QuantPoint Quantiser::at(double step) const {
  return point(weight_, step);
}

Quantiser::Sample Quantiser::sample(std::uint64_t elements) const {
  const std::uint64_t inputs = std::max<std::uint64_t>(axis_ == 1 ? layout_.cols : layout_.rows, 1);
  return {*this, weight_.sample(std::max<std::uint64_t>(elements / inputs, 64))};
}

double Quantiser::step_for_rate(double rate) const {
  constexpr double kEnough = 0.002, kLargest = 1000;
  const auto elements = static_cast<double>(std::max<std::uint64_t>(layout_.elements(), 1));
  double step = std::exp2(-rate), best = step, best_miss = HUGE_VAL, slope = -1, last_rate = 0, last_step = 0;
  for (int round = 0; round < 8; ++round) {
    const double here = at(step).bytes * 8 / elements, miss = std::abs(here - rate);
    if (miss < best_miss) best = step, best_miss = miss;
    if (miss <= kEnough * rate) break;
    // Bits fall by up to one an octave of the step; two points tell by how much here.
    if (round > 0 && step != last_step) slope = (here - last_rate) / std::log2(step / last_step);
    last_rate = here;
    last_step = step;
    const double octaves = (rate - here) / std::clamp(slope, -1.5, -0.2);
    step = std::clamp(step * std::exp2(std::clamp(octaves, -4.0, 4.0)), 1e-9, kLargest);
  }
  return best;
}

Core Quantiser::take_core(double step) {
  const tensor::SicCodes codes = round(weight_, step);
  weight_.release();
  const CodedMatrix matrix(codes, axis_);
  base::Bytes bytes = head(codes, axis_);
  const std::uint64_t most = band_rows(matrix.cols());
  for (std::uint64_t first = 0; first == 0 || first < matrix.rows(); first += most) {
    const std::uint64_t count = std::min(most, matrix.rows() - first);
    const base::Bytes stream = encode_codes({count, matrix.cols(), matrix.band(first, count)});
    if (first + count < matrix.rows()) append_varint(bytes, static_cast<std::uint32_t>(stream.size()));
    bytes.insert(bytes.end(), stream.begin(), stream.end());
  }
  return {{std::nullopt, {bytes.size()}}, std::move(bytes)};
}

}  // namespace tt::codec
