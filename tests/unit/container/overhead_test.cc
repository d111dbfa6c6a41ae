#include <doctest/doctest.h>

#include "base/json.h"
#include "generated.h"

using namespace tt;
using namespace tt::container;

namespace {

std::uint64_t overhead(const FileSize& size) {
  return size.total - size.cores - size.skeleton;
}

// Names of header entries other than the metadata and the three fixed tensors.
std::size_t typed_tensors(const base::Bytes& bytes) {
  const auto length = base::load_le<std::uint64_t>(bytes.data());
  const auto json = base::parse_json(base::text_of(base::ByteView(bytes).subspan(8, length)), "header");
  std::size_t count = 0;
  for (const auto& [key, value] : json.as_object("header")) {
    if (key.starts_with("tt.") || key == "__metadata__") continue;
    ++count;
    CHECK((8 + length + value.at("data_offsets", "tensor").as_uints("offsets")[0]) % 64 == 0);
  }
  return count;
}

}  // namespace

TEST_CASE("overhead stays within 64 bytes a weight and 4 KiB: 250 small weights") {
  std::vector<EncodedWeight> weights;
  for (std::uint64_t i = 0; i < 250; ++i) {
    const std::string name =
        "encoder.layers." + std::to_string(i / 10) + ".block." + std::to_string(i % 10) + ".weight";
    const std::uint64_t elements = 64 + (i * 2654435761u) % 4033;
    if (i % 3 == 0) {
      weights.push_back(make_weight(name, {elements}, "lossless"));
    } else {
      const std::uint64_t cols = elements / 8;
      weights.push_back(
          make_weight(name, {8, cols}, i % 3 == 1 ? "lowrank,rank=3,dtype=f16" : "f16,mantissa=5"));
    }
  }
  const Container container = open_bytes(write_bytes(weights));
  CHECK(overhead(container.size()) <= 64 * weights.size() + 4096);
}

TEST_CASE(
    "overhead stays within its bound with large plain cores; as many as possible are tensors of their own") {
  std::vector<EncodedWeight> weights;
  for (std::uint64_t i = 0; i < 300; ++i) {
    // 2 x 64 KiB and more, coded by hand: a singular value decomposition of each would take minutes.
    EncodedWeight weight;
    weight.entry.name = "layers." + std::to_string(i) + ".mlp.up_proj.weight";
    weight.entry.layout = {tensor::DType::f32, {1024 + i, 1024}, 1024 + i, 1024};
    weight.entry.encoding = codec::parse_spec("lowrank,rank=32,dtype=f16");
    weight.entry.predicted_error = weight.entry.measured_error = 0.01f + static_cast<float>(i) * 1e-4f;
    for (const tensor::Shape& shape : {tensor::Shape{1024 + i, 32}, tensor::Shape{32, 1024}}) {
      weight.cores.push_back(
          {{tensor::DType::f16, shape}, base::Bytes(shape[0] * shape[1] * 2, static_cast<std::uint8_t>(i))});
    }
    weights.push_back(std::move(weight));
  }
  const base::Bytes bytes = write_bytes(weights);
  const Container container = open_bytes(bytes);
  const std::uint64_t bound = 64 * weights.size() + 4096;
  CHECK(overhead(container.size()) <= bound);
  CHECK(overhead(container.size()) + 600 > bound);
  CHECK(typed_tensors(bytes) > 30);
}

TEST_CASE("overhead of a single large weight: its cores are tensors") {
  std::vector<EncodedWeight> weights{make_weight("w", {256, 256}, "raw")};
  const base::Bytes bytes = write_bytes(weights);
  CHECK(typed_tensors(bytes) == 1);
  CHECK(overhead(open_bytes(bytes).size()) <= 1200);
}

TEST_CASE("names too long for the bound cost the typed cores, not the file") {
  std::vector<EncodedWeight> weights{make_weight("w", {256, 256}, "raw")};
  for (std::uint32_t i = 0, state = 1; i < 20000; ++i) {
    state = state * 1664525 + 1013904223;
    weights[0].entry.name += static_cast<char>('!' + (state >> 24) % 90);
  }
  const base::Bytes bytes = write_bytes(weights);
  CHECK(typed_tensors(bytes) == 0);
  open_and_check(bytes);
}
