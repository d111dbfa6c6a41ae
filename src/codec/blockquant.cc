#include "codec/blockquant.h"

#include <algorithm>
#include <cmath>

#include "base/memory.h"
#include "codec/code_bands.h"
#include "codec/codecs.h"
#include "codec/quant.h"

namespace tt::codec {
namespace {

// How scales lie as a matrix.
CodeMatrix scale_matrix(const WeightLayout& layout, unsigned axis, std::uint64_t group) {
  if (axis == 1) return {layout.rows, tensor::group_count(layout.cols, group), {}};
  return {tensor::group_count(layout.rows, group), layout.cols, {}};
}

WeightLayout layout_of(const tensor::GroupCodes& codes) {
  WeightLayout layout;
  layout.rows = codes.rows;
  layout.cols = codes.cols;
  return layout;
}

std::int32_t median(std::vector<std::int32_t> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Scale codes relative to their median without its sign, which comes first.
struct RelativeScales {
  std::int32_t middle;
  std::vector<std::int32_t> codes;

  explicit RelativeScales(const tensor::GroupCodes& from)
      : middle(median(from.scale_codes) >> 1), codes(from.scale_codes) {
    for (std::int32_t& code : codes) code -= 2 * middle;
  }
};

// A value may round to one that its type does not hold: such codes are taken nearer to zero.
void keep_in_range(tensor::GroupCodes& codes, unsigned axis, std::uint64_t group, double limit) {
  const CodeMatrix shape = scale_matrix(layout_of(codes), axis, group);
  const double most = *std::max_element(codes.scale_codes.begin(), codes.scale_codes.end());
  if (std::ldexp(15.0 * 128, static_cast<int>(std::floor(most / 16))) <= limit) return;
  for (std::uint64_t r = 0; r < codes.rows; ++r)
    for (std::uint64_t c = 0; c < codes.cols; ++c) {
      const std::uint64_t at = axis == 1 ? r * shape.cols + (group == 0 ? 0 : c / group)
                                         : (group == 0 ? 0 : r / group) * shape.cols + c;
      const double scale = tensor::group_scale(codes.scale_codes[at]);
      std::int8_t& code = codes.codes[r * codes.cols + c];
      while (std::abs(scale * code) > limit) code = static_cast<std::int8_t>(code > 0 ? code - 1 : code + 1);
    }
}

std::vector<std::int32_t> widened(std::span<const std::int8_t> codes) {
  return {codes.begin(), codes.end()};
}

// Of `count` outputs, evenly spread, the i-th of `wanted`.
std::uint64_t spread(std::uint64_t i, std::uint64_t wanted, std::uint64_t count) {
  return wanted == count ? i : (2 * i + 1) * count / (2 * wanted);
}

// The plan of some outputs where the metric lies across the groups.
tensor::SicPlan plan_of_some(const tensor::SicPlan& plan, std::uint64_t wanted) {
  std::vector<double> squares(plan.size());
  for (std::uint64_t k = 0; k < plan.size(); ++k)
    squares[plan.order()[k]] = plan.gains()[k] * plan.gains()[k];
  tensor::Metric metric;
  metric.kind = tensor::Metric::Kind::diagonal;
  metric.axis = plan.axis();
  metric.size = wanted;
  for (std::uint64_t i = 0; i < wanted; ++i) metric.values.push_back(squares[spread(i, wanted, plan.size())]);
  return tensor::SicPlan(metric, 0);
}

tensor::SicPlan identity_plan(std::uint64_t size, unsigned axis) {
  tensor::Metric metric;
  metric.axis = axis;
  metric.size = size;
  return tensor::SicPlan(metric);
}

}  // namespace

BlockQuantiser::Part BlockQuantiser::part_of(const WeightData& weight, const tensor::SicPlan* plan,
                                             unsigned axis, std::uint64_t sampled) {
  const std::uint64_t rows = weight.layout.rows, cols = weight.layout.cols;
  const std::uint64_t inputs = axis == 1 ? cols : rows, outputs = axis == 1 ? rows : cols;
  Part part{weight.values(), rows, cols, {}};
  if (plan == nullptr) part.plan.emplace(identity_plan(inputs, axis));
  const std::uint64_t wanted =
      std::min(outputs, std::max<std::uint64_t>(sampled / std::max<std::uint64_t>(inputs, 1), 64));
  if (wanted == outputs) return part;
  if (plan != nullptr && plan->axis() != axis && plan->size() == outputs)
    part.plan.emplace(plan_of_some(*plan, wanted));
  const std::vector<float> all = std::move(part.values);
  base::release(part.values);
  part.values.reserve(wanted * inputs);
  (axis == 1 ? part.rows : part.cols) = wanted;
  for (std::uint64_t r = 0; r < part.rows; ++r)
    for (std::uint64_t c = 0; c < part.cols; ++c)
      part.values.push_back(axis == 1 ? all[spread(r, wanted, rows) * cols + c]
                                      : all[r * cols + spread(c, wanted, cols)]);
  return part;
}

BlockQuantiser::BlockQuantiser(const WeightData& weight, const tensor::SicPlan* plan, unsigned axis,
                               std::uint64_t sampled)
    : dtype_(weight.layout.dtype),
      part_(part_of(weight, plan, axis, sampled)),
      share_(static_cast<double>(std::max<std::size_t>(part_.values.size(), 1)) /
             static_cast<double>(std::max<std::uint64_t>(weight.layout.elements(), 1))),
      axis_(axis),
      quantiser_(part_.plan ? *part_.plan : *plan, {part_.values, part_.rows, part_.cols}, axis) {}

tensor::GroupCodes BlockQuantiser::round(unsigned bits, std::uint64_t group) const {
  tensor::GroupCodes codes = quantiser_.round(bits, group);
  if (!codes.scale_codes.empty()) keep_in_range(codes, axis_, group, largest_value(dtype_));
  return codes;
}

BlockPoint BlockQuantiser::at(unsigned bits, std::uint64_t group) const {
  const tensor::GroupCodes codes = round(bits, group);
  CodeMatrix scales = scale_matrix(layout_of(codes), axis_, group);
  const RelativeScales relative(codes);
  scales.codes = relative.codes;
  const double stream = estimate_bits(scales) + estimate_bits({codes.rows, codes.cols, widened(codes.codes)});
  return {stream / 8 / share_ + 4, codes.error, codes.weight_error};
}

Core BlockQuantiser::core(unsigned bits, std::uint64_t group) const {
  const tensor::GroupCodes codes = round(bits, group);
  CodeMatrix scales = scale_matrix(layout_of(codes), axis_, group);
  const RelativeScales relative(codes);
  scales.codes = relative.codes;
  base::Bytes bytes;
  base::append_le(bytes, static_cast<std::int16_t>(relative.middle));
  const base::Bytes stream = encode_codes(scales);
  append_varint(bytes, static_cast<std::uint32_t>(stream.size()));
  bytes.insert(bytes.end(), stream.begin(), stream.end());
  if (!codes.codes.empty())
    append_bands(
        band_layout(codes.rows, codes.cols),
        [&](std::uint64_t first, std::uint64_t count) {
          return widened(std::span(codes.codes).subspan(first * codes.cols, count * codes.cols));
        },
        bytes);
  return coded_core(std::move(bytes));
}

std::uint64_t scale_count(const WeightLayout& layout, const Encoding& encoding) {
  const CodeMatrix shape = scale_matrix(layout, encoding.axis, encoding.group);
  return shape.rows * shape.cols;
}

namespace {

std::vector<float> read_scales(ByteCursor& cursor, const WeightLayout& layout, const Encoding& encoding) {
  const auto middle = base::load_le<std::int16_t>(cursor.take(2).data());
  const base::ByteView stream = cursor.take(cursor.varint());
  const CodeMatrix shape = scale_matrix(layout, encoding.axis, encoding.group);
  std::vector<float> scales;
  decode_codes(stream, shape.rows, shape.cols, [&](std::uint64_t, std::span<const std::int32_t> codes) {
    for (const std::int32_t relative : codes) {
      const std::int64_t code = std::int64_t{relative} + 2 * middle;
      if (code < tensor::kLeastScaleCode || code > tensor::kMostScaleCode)
        throw_corrupt("a scale is out of range");
      scales.push_back(tensor::group_scale(static_cast<std::int32_t>(code)));
    }
  });
  return scales;
}

}  // namespace

void read_blockquant(const WeightLayout& layout, const Encoding& encoding, const CoreReader& cores,
                     const ScaleSink& take_scales, const CodeRowSink& take_row) {
  check_cores(one_coded_core(), cores);
  const base::Bytes bytes = whole_core(cores, 0);
  ByteCursor cursor(bytes);
  take_scales(read_scales(cursor, layout, encoding));
  const std::int32_t half = 1 << (encoding.bits - 1);
  std::uint64_t next = 0;
  if (layout.elements() > 0)
    decode_bands(cursor, band_layout(layout.rows, layout.cols), [&](std::span<const std::int32_t> row) {
      for (const std::int32_t code : row)
        if (code < -half || code >= half) throw_corrupt("a code is out of range");
      take_row(next++, row);
    });
  if (cursor.left() != 0) throw_corrupt("bytes are left over");
}

}  // namespace tt::codec
