#include "pipeline/layer_export.h"

#include <cmath>

#include "base/error.h"
#include "base/parallel.h"
#include "base/text.h"
#include "pipeline/restore.h"
#include "pipeline/selection.h"

namespace tt::pipeline {
namespace {

using base::Json;
using base::JsonObject;
using tensor::DType;

DType target_type(DType original, const std::string& wanted) {
  return wanted == "original" ? original : tensor::dtype_from_name(wanted).value();
}

struct ExportLayout {
  std::string header;                  // with its length in front
  std::vector<std::uint64_t> offsets;  // of each weight in the file
  std::uint64_t size = 0;
};

ExportLayout layout_of(const container::Container& container, const std::vector<std::size_t>& weights,
                       const std::string& dtype) {
  JsonObject header;
  std::vector<std::uint64_t> begins;
  std::uint64_t position = 0;
  for (std::size_t index : weights) {
    const container::WeightEntry& entry = container.manifest().weights[index];
    const DType type = target_type(entry.layout.dtype, dtype);
    begins.push_back(position);
    position += entry.layout.elements() * tensor::element_size(type);
    header.emplace_back(entry.name, JsonObject{{"dtype", tensor::safetensors_name(type)},
                                               {"shape", Json::of(entry.layout.shape)},
                                               {"data_offsets", Json::of({begins.back(), position})}});
  }
  ExportLayout layout;
  std::string json = Json(std::move(header)).dump();
  json.resize((json.size() + 7) / 8 * 8, ' ');
  base::Bytes length;
  base::append_le(length, static_cast<std::uint64_t>(json.size()));
  layout.header = std::string(base::text_of(length)) + json;
  for (std::uint64_t begin : begins) layout.offsets.push_back(layout.header.size() + begin);
  layout.size = layout.header.size() + position;
  return layout;
}

base::Bytes convert(DType from, DType to, base::ByteView piece, const std::string& name) {
  std::vector<float> values(piece.size() / tensor::element_size(from));
  tensor::to_float(from, piece, values);
  if (to == DType::f16)
    for (float v : values)
      if (std::isfinite(v) && std::isinf(tensor::half_to_float(tensor::float_to_half(v))))
        throw base::Error(base::ErrorKind::bad_data,
                          "weight " + base::quoted(name) + " has values above the range of float16",
                          "export it with --dtype f32");
  base::Bytes out(values.size() * tensor::element_size(to));
  tensor::from_float(to, values, out);
  return out;
}

}  // namespace

std::vector<std::size_t> matching_weights(const container::Container& container, const std::string& pattern) {
  const WeightPattern wanted(pattern);
  const auto& entries = container.manifest().weights;
  std::vector<std::size_t> matched;
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (wanted.matches(entries[i].name, model::role_name(entries[i].role))) matched.push_back(i);
  if (matched.empty())
    throw base::Error(base::ErrorKind::usage, "pattern " + base::quoted(pattern) + " matches no weight",
                      "list the weights with tt inspect");
  return matched;
}

void export_layers(const container::Container& container, const std::vector<std::size_t>& weights,
                   const std::string& dtype, base::OutputFile& out, unsigned threads,
                   base::Progress& progress) {
  const ExportLayout layout = layout_of(container, weights, dtype);
  out.allocate(layout.size);
  out.write(0, base::view_of(layout.header));
  progress.start("decoding", weights.size(), layout.size);
  base::parallel_for(weights.size(), threads, [&](std::size_t i) {
    const container::WeightEntry& entry = container.manifest().weights[weights[i]];
    const DType from = entry.layout.dtype, to = target_type(from, dtype);
    decode_weight(container, weights[i], [&](std::uint64_t offset, base::ByteView piece) {
      const std::uint64_t place =
          layout.offsets[i] + offset / tensor::element_size(from) * tensor::element_size(to);
      if (from == to)
        out.write(place, piece);
      else
        out.write(place, convert(from, to, piece, entry.name));
    });
    progress.step(entry.layout.payload_size());
  });
  progress.done();
}

}  // namespace tt::pipeline
