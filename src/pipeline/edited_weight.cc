#include "pipeline/edited_weight.h"

#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "codec/codec.h"
#include "codec/side_core.h"

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

void check_range(const tensor::WeightData& data) {
  if (tensor::range_of(data.layout.dtype, data.payload) == tensor::ValueRange::float32) return;
  throw Error(ErrorKind::bad_data,
              "the edited values are beyond the range of " +
                  std::string(data.layout.dtype == tensor::DType::f16 ? "f16" : "float32"),
              "use a smaller --strength");
}

// W' in the weight's own type; float64 is not rounded to float32 on the way.
tensor::WeightData projected(const tensor::WeightData& before, const WeightEdit& edit) {
  const tensor::WeightLayout& layout = before.layout;
  tensor::WeightData after{layout, base::Bytes(layout.payload_size())};
  if (layout.dtype == tensor::DType::f64) {
    std::vector<double> values(layout.elements());
    std::memcpy(values.data(), before.payload.data(), before.payload.size());
    values = tensor::projected(values, layout.rows, layout.cols, edit.projection, edit.axis, edit.amount);
    std::memcpy(after.payload.data(), values.data(), after.payload.size());
  } else {
    tensor::from_float(
        layout.dtype,
        tensor::projected(view_of(before.values(), layout), edit.projection, edit.axis, edit.amount),
        after.payload);
  }
  check_range(after);
  return after;
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

void encode_again(EncodedWeight& weight, const tensor::WeightData& target, const tensor::Metric* metric) {
  const codec::Encoding& encoding = weight.entry.encoding;
  const codec::Codec& codec = codec::codec_for(encoding.format);
  codec::EncodeOptions options;
  options.metric = metric;
  options.warn = [&weight](const std::string& warning) { weight.warnings.push_back(warning); };
  weight.cores = codec.encode(target, encoding, options);
  weight.entry.encoding = codec.settled(encoding, codec::MemoryCores(weight.cores));
}

// The new values into the cores: into one of them alone where that one holds the side.
void store(EncodedWeight& weight, const tensor::WeightData& target, const WeightEdit& edit) {
  const codec::Encoding& encoding = weight.entry.encoding;
  const tensor::WeightLayout& layout = weight.entry.layout;
  const codec::MemoryCores cores(weight.cores);
  const std::optional<tensor::Metric> found =
      codec::knows_metric(encoding) ? rounding_metric(edit) : std::nullopt;
  const tensor::Metric* const metric = found ? &*found : nullptr;
  std::optional<codec::SideCore> side = codec::side_core(layout, encoding, cores, edit.axis);
  if (!side) return encode_again(weight, target, metric);
  side->values =
      tensor::projected({side->values, side->rows, side->cols}, edit.projection, edit.axis, edit.amount);
  weight.cores[side->core] =
      codec::with_values(layout, encoding, cores, *side, {metric, edit.projection.directions});
}

void compare(const std::vector<float>& before, std::vector<float> after, const tensor::WeightLayout& layout,
             const WeightEdit& edit, EditedWeight& edited) {
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
  const tensor::WeightData before = decoded(weight);
  if (tensor::range_of(before.layout.dtype, before.payload) != tensor::ValueRange::float32)
    throw Error(ErrorKind::bad_data, "it has values that are not finite in float32",
                "leave it out of --weights");
  const tensor::WeightData target = projected(before, edit);
  store(weight, target, edit);
  const tensor::WeightData after = decoded(weight);
  check_range(after);
  weight.entry.measured_error = static_cast<float>(
      codec::relative_error(target, weight.entry.encoding, codec::MemoryCores(weight.cores)));
  compare(before.values(), after.values(), before.layout, edit, edited);
  edited.bytes_after = bytes_of(weight);
  edited.encoded = std::move(weight);
  return edited;
}

// A number more or less would move all that lies behind it.
void check_form(const container::Container& container, std::size_t index) {
  for (const model::SkeletonFile& file : container.manifest().files)
    for (const model::Piece& piece : file.pieces)
      if (piece.weight == index && piece.form == model::PayloadForm::varint16)
        throw Error(ErrorKind::unsupported,
                    "weight " + base::quoted(container.manifest().weights[index].name) +
                        " cannot be edited, the file keeps it as numbers whose length depends on their value",
                    "compress the model without --lossless");
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
  check_form(container, edit.weight);
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
