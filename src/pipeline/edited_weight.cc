#include "pipeline/edited_weight.h"

#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "codec/codec.h"
#include "codec/quant.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;
using container::EncodedWeight;

tensor::MatrixView view_of(const std::vector<float>& values, const tensor::WeightLayout& layout) {
  return {values, layout.rows, layout.cols};
}

tensor::WeightData decoded(const EncodedWeight& weight) {
  return {weight.entry.layout,
          codec::decode_all(weight.entry.layout, weight.entry.encoding, codec::MemoryCores(weight.cores))};
}

std::uint64_t bytes_of(const EncodedWeight& weight) {
  std::uint64_t bytes = 0;
  for (const codec::Core& core : weight.cores) bytes += core.bytes.size();
  return bytes;
}

// Values as the weight's own type holds them.
tensor::WeightData as_data(const tensor::WeightLayout& layout, const std::vector<float>& values) {
  tensor::WeightData data{layout, base::Bytes(layout.payload_size())};
  tensor::from_float(layout.dtype, values, data.payload);
  if (!tensor::all_finite(layout.dtype, data.payload))
    throw Error(ErrorKind::bad_data,
                "the edited values are beyond the range of " + std::string(tensor::dtype_name(layout.dtype)),
                "use a smaller --strength");
  return data;
}

bool has_plain_factors(const codec::Encoding& encoding) {
  return encoding.format == codec::Format::lowrank && !codec::knows_metric(encoding);
}

// Core 0 is rows x rank, core 1 rank x cols.
void project_factor(EncodedWeight& weight, const WeightEdit& edit) {
  codec::Core& core = weight.cores.at(edit.axis == 1 ? 1 : 0);
  const tensor::Shape& shape = core.layout.shape;
  std::vector<float> values(tensor::element_count(shape));
  tensor::to_float(*core.layout.dtype, core.bytes, values);
  values = tensor::projected({values, shape[0], shape[1]}, edit.projection, edit.axis, edit.amount);
  tensor::from_float(*core.layout.dtype, values, core.bytes);
}

// What an error of the new codes is measured in: C of the samples to keep and the directions themselves,
// which count as much as all samples together. Without them codes would bring back what the samples do not
// show. Nothing (C = I) where directions and inputs do not lie along the same axis.
std::optional<tensor::Metric> rounding_metric(const WeightEdit& edit) {
  if (!edit.metric || edit.metric->kind != tensor::Metric::Kind::full || edit.metric->axis != edit.axis)
    return std::nullopt;
  tensor::Metric metric = *edit.metric;
  const std::uint64_t n = metric.size, count = edit.projection.count;
  double trace = 0;
  for (std::uint64_t i = 0; i < n; ++i) trace += metric.values[i * n + i];
  for (std::uint64_t k = 0; k < count; ++k) {
    const double* const q = edit.projection.directions.data() + k * n;
    for (std::uint64_t i = 0; i < n; ++i)
      for (std::uint64_t j = 0; j < n; ++j)
        metric.values[i * n + j] += trace / static_cast<double>(count) * q[i] * q[j];
  }
  return metric;
}

void encode_again(EncodedWeight& weight, const tensor::WeightData& target, const WeightEdit& edit) {
  const codec::Encoding& encoding = weight.entry.encoding;
  const codec::Codec& codec = codec::codec_for(encoding.format);
  codec::EncodeOptions options;
  const std::optional<tensor::Metric> metric =
      codec::knows_metric(encoding) ? rounding_metric(edit) : std::nullopt;
  if (metric) options.metric = &*metric;
  options.warn = [&weight](const std::string& warning) { weight.warnings.push_back(warning); };
  weight.cores = codec.encode(target, encoding, options);
  weight.entry.encoding = codec.settled(encoding, codec::MemoryCores(weight.cores));
}

void compare(const std::vector<float>& before, const EncodedWeight& weight, const WeightEdit& edit,
             EditedWeight& edited) {
  const tensor::WeightLayout& layout = weight.entry.layout;
  std::vector<float> after = decoded(weight).values();
  edited.response_before = tensor::response(view_of(before, layout), edit.projection, edit.axis);
  edited.response_after = tensor::response(view_of(after, layout), edit.projection, edit.axis);
  const double norm = tensor::squared_norm(before);
  edited.change = norm > 0 ? std::sqrt(tensor::squared_distance(before, after) / norm) : 0;
  if (!edit.metric) return;
  for (std::size_t i = 0; i < after.size(); ++i) after[i] -= before[i];
  const double energy = tensor::metric_energy(view_of(before, layout), *edit.metric);
  const double lost = tensor::metric_energy(view_of(after, layout), *edit.metric);
  edited.output_change = energy > 0 ? std::sqrt(lost / energy) : 0;
}

EditedWeight edit_stored(EncodedWeight weight, const WeightEdit& edit) {
  EditedWeight edited;
  edited.bytes_before = bytes_of(weight);
  const tensor::WeightData data = decoded(weight);
  const std::vector<float> before = data.values();
  const tensor::WeightLayout& layout = weight.entry.layout;
  if (tensor::range_of(layout.dtype, data.payload) != tensor::ValueRange::float32)
    throw Error(ErrorKind::bad_data, "it has values that are not finite in float32",
                "leave it out of --weights");
  const tensor::WeightData target =
      as_data(layout, tensor::projected(view_of(before, layout), edit.projection, edit.axis, edit.amount));
  if (has_plain_factors(weight.entry.encoding))
    project_factor(weight, edit);
  else
    encode_again(weight, target, edit);
  weight.entry.measured_error = static_cast<float>(
      codec::relative_error(target, weight.entry.encoding, codec::MemoryCores(weight.cores)));
  compare(before, weight, edit, edited);
  edited.bytes_after = bytes_of(weight);
  edited.encoded = std::move(weight);
  return edited;
}

}  // namespace

EncodedWeight stored_weight(const container::Container& container, std::size_t index) {
  container.check_weight(index);
  EncodedWeight weight{container.manifest().weights[index], {}};
  const std::unique_ptr<codec::CoreReader> reader = container.cores(index);
  const codec::Codec& codec = codec::codec_for(weight.entry.encoding.format);
  std::vector<codec::CoreLayout> layouts = codec.core_layouts(weight.entry.layout, weight.entry.encoding);
  for (std::size_t c = 0; c < reader->count(); ++c) {
    codec::Core core{std::move(layouts.at(c)), base::Bytes(reader->size(c))};
    reader->read(c, 0, core.bytes);
    weight.cores.push_back(std::move(core));
  }
  return weight;
}

EditedWeight edit_weight(const container::Container& container, const WeightEdit& edit) {
  try {
    return edit_stored(stored_weight(container, edit.weight), edit);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::bad_data) throw;
    throw Error(error.kind(),
                "weight " + base::quoted(container.manifest().weights[edit.weight].name) +
                    " cannot be edited, " + error.what(),
                error.hint());
  }
}

}  // namespace tt::pipeline
