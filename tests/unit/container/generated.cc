#include "generated.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"

namespace tt::container {

tensor::WeightData make_data(const tensor::Shape& shape, tensor::DType dtype, std::uint64_t seed) {
  tensor::WeightData data;
  data.layout.dtype = dtype;
  data.layout.shape = shape;
  data.layout.rows = shape.size() < 2 ? 1 : shape[0];
  data.layout.cols = tensor::element_count(shape) / data.layout.rows;
  std::vector<float> values(data.layout.elements());
  std::uint64_t state = seed * 2 + 1;
  for (float& value : values) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    value = static_cast<float>(static_cast<std::int64_t>(state >> 40) - (1 << 23)) * 1e-8f;
  }
  data.payload.resize(data.layout.payload_size());
  tensor::from_float(dtype, values, data.payload);
  return data;
}

EncodedWeight make_weight(const std::string& name, const tensor::Shape& shape, const std::string& spec,
                          tensor::DType dtype) {
  const auto data = make_data(shape, dtype, 7 * shape.size() + shape[0] + name.size());
  EncodedWeight weight;
  weight.entry.name = name;
  weight.entry.role = shape.size() > 1 ? model::Role::dense : model::Role::bias;
  weight.entry.layout = data.layout;
  weight.entry.encoding = codec::parse_spec(spec);
  weight.cores = codec::codec_for(weight.entry.encoding.format).encode(data, weight.entry.encoding);
  weight.entry.predicted_error = 0.0125f;
  weight.entry.measured_error = static_cast<float>(
      codec::relative_error(data, weight.entry.encoding, codec::MemoryCores(weight.cores)));
  weight.entry.target_size = data.layout.payload_size();
  return weight;
}

Manifest make_manifest(std::size_t weights) {
  Manifest manifest;
  manifest.tool_version = "0.1.0";
  manifest.sources.push_back({"", 12345, base::sha256(base::view_of("input"))});
  model::SkeletonFile file;
  for (std::uint32_t w = 0; w < weights; ++w) file.pieces.push_back({3, w, model::PayloadForm::flat});
  file.pieces.push_back({5, model::kNoWeight, model::PayloadForm::flat});
  manifest.files.push_back(file);
  manifest.seed = 42;
  manifest.options = base::JsonObject{{"target_ratio", base::Json(0.45)}};
  manifest.cpu = "test";
  return manifest;
}

base::Bytes make_literals(std::size_t weights) {
  base::Bytes literals(3 * weights + 5);
  for (std::size_t i = 0; i < literals.size(); ++i) literals[i] = static_cast<std::uint8_t>(i * i + i / 7);
  return literals;
}

std::vector<const EncodedWeight*> pointers(const std::vector<EncodedWeight>& weights) {
  std::vector<const EncodedWeight*> all;
  for (const EncodedWeight& weight : weights) all.push_back(&weight);
  return all;
}

base::Bytes write_bytes(const Manifest& manifest, base::ByteView literals,
                        const std::vector<EncodedWeight>& weights) {
  static int count = 0;
  const auto path = std::filesystem::temp_directory_path() /
                    ("tt-container-" + std::to_string(::getpid()) + "-" + std::to_string(++count) + ".tt");
  const Writer writer(manifest, literals);
  base::OutputFile out = base::OutputFile::create(path.string());
  const FileSize size = writer.write(pointers(weights), out);
  CHECK(writer.size(pointers(weights)).total == size.total);
  CHECK(size.total == size.header + size.cores + size.skeleton + size.manifest);
  base::Bytes bytes(size.total);
  out.read(0, bytes);
  return bytes;  // never committed: nothing stays behind
}

base::Bytes write_bytes(const std::vector<EncodedWeight>& weights) {
  return write_bytes(make_manifest(weights.size()), make_literals(weights.size()), weights);
}

Container open_bytes(base::Bytes bytes) {
  return Container::open(base::InputFile::from_bytes(std::move(bytes), "x.tt"));
}

void open_and_check(const base::Bytes& bytes) {
  const Container container = open_bytes(bytes);
  for (std::size_t w = 0; w < container.manifest().weights.size(); ++w) container.check_weight(w);
  container.check_skeleton();
}

std::string error_of(const base::Bytes& bytes) {
  try {
    open_and_check(bytes);
  } catch (const base::Error& error) {
    return std::string(base::kind_name(error.kind())) + ": " + error.what();
  }
  return "";
}

std::vector<EncodedWeight> every_encoding() {
  return {make_weight("a/raw", {4, 16}, "raw"),
          make_weight("b.lossless", {9, 31}, "lossless"),
          make_weight("c f16", {8, 40}, "f16,mantissa=6"),
          make_weight("d\"lowrank\"", {20, 30}, "lowrank,rank=3,dtype=f16"),
          make_weight("e_tt", {16, 24}, "tt,modes=4x4x4x6,ranks=2x3x2,dtype=f32"),
          make_weight("f bias", {33}, "lossless", tensor::DType::f16),
          make_weight("g bf16", {3, 5, 7}, "raw", tensor::DType::bf16),
          make_weight("h f64", {4, 8}, "lossless", tensor::DType::f64)};
}

}  // namespace tt::container
