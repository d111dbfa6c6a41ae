// The factored form of containers that compress writes seldom (several files) or never.
#include "pipeline/factored_form.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "base/error.h"
#include "base/temporary_folder.h"
#include "codec/codec.h"
#include "model/skeleton_writer.h"

extern "C" void openblas_set_num_threads(int);

namespace tt::pipeline {
namespace {

const bool one_thread = (openblas_set_num_threads(1), true);

// The walking policy with its external data file.
model::Model walking_policy() {
  return model::Model::open(TT_TEST_DATA "/unitree_velocity/policy.onnx");
}

// A model as a container that keeps its files: matrices of 128 rows and more with rank 16, the rest as it is.
class Sample {
 public:
  using Change = std::function<void(model::Skeleton&, std::vector<container::EncodedWeight>&)>;

  explicit Sample(const Change& change = {}, model::Model model = walking_policy())
      : policy(std::move(model)) {
    model::Skeleton skeleton = policy.exact_skeleton();
    std::vector<container::EncodedWeight> weights;
    for (const model::Weight& weight : policy.weights()) weights.push_back(encoded(weight));
    if (change) change(skeleton, weights);
    container::Manifest manifest;
    manifest.tool_version = TT_VERSION;
    manifest.cpu = "any";
    manifest.files = skeleton.files;
    for (const model::SkeletonFile& file : skeleton.files) manifest.sources.push_back({file.location, 1, {}});
    const container::Writer writer(manifest, skeleton.literals);
    std::vector<const container::EncodedWeight*> pointers;
    for (const container::EncodedWeight& weight : weights) pointers.push_back(&weight);
    base::OutputFile out = base::OutputFile::create(path("x.tt"));
    writer.write(pointers, out);
    out.commit();
    stored.emplace(container::Container::open(base::InputFile::open(path("x.tt"))));
  }

  std::string path(const std::string& name) const { return folder.path() + "/" + name; }

  base::TemporaryFolder folder;
  model::Model policy;
  std::optional<container::Container> stored;

 private:
  container::EncodedWeight encoded(const model::Weight& weight) const {
    container::EncodedWeight made;
    made.entry.name = weight.name;
    made.entry.role = weight.role;
    made.entry.layout = weight.layout;
    made.entry.target_size = weight.place.length;  // of varints more than the payload
    if (weight.layout.shape.size() == 2 && weight.layout.rows >= 128)
      made.entry.encoding = {.format = codec::Format::lowrank, .rank = 16, .dtype = tensor::DType::f32};
    made.cores =
        codec::codec_for(made.entry.encoding.format).encode(policy.read(weight), made.entry.encoding);
    return made;
  }
};

std::vector<float> values(const model::Model& model, const std::string& name) {
  for (const model::Weight& weight : model.weights())
    if (weight.name == name) return model.read(weight).values();
  FAIL("no weight " << name);
  return {};
}

TEST_CASE("a container of several files gives a model and one data file") {
  REQUIRE(one_thread);
  const Sample sample;
  REQUIRE(sample.stored->manifest().files.size() == 2);
  const FactoredForm form(*sample.stored, sample.path("out.onnx"), false, 2);
  REQUIRE(form.files().size() == 2);
  CHECK(form.files()[1].location == "out.onnx.data");
  std::vector<base::OutputFile> outs;
  for (const char* name : {"out.onnx", "out.onnx.data"})
    outs.push_back(base::OutputFile::create(sample.path(name)));
  base::Progress quiet;
  form.write(outs, 2, quiet);
  for (base::OutputFile& out : outs) out.commit();

  const model::Model made = model::Model::open(sample.path("out.onnx"));
  CHECK(made.files().size() == 2);
  std::uint64_t factored = 0;
  for (std::size_t i = 0; i < sample.policy.weights().size(); ++i) {
    const container::WeightEntry& entry = sample.stored->manifest().weights[i];
    if (entry.encoding.format != codec::Format::lowrank) {
      CHECK(values(made, entry.name) == values(sample.policy, entry.name));
      continue;
    }
    ++factored;
    const auto cores = sample.stored->cores(i);
    const codec::WeightData dense{entry.layout, codec::decode_all(entry.layout, entry.encoding, *cores)};
    const std::vector<float> wanted = dense.values();
    // transB = 1: the right factor comes first and is stored as the product takes it, cols x rank.
    const std::vector<float> left = values(made, entry.name + "_left"),
                             right = values(made, entry.name + "_right");
    REQUIRE(left.size() == entry.layout.rows * 16);
    REQUIRE(right.size() == entry.layout.cols * 16);
    double error = 0, energy = 0;
    for (std::uint64_t r = 0; r < entry.layout.rows; ++r)
      for (std::uint64_t c = 0; c < entry.layout.cols; ++c) {
        double sum = 0;
        for (std::uint64_t k = 0; k < 16; ++k) sum += double{left[r * 16 + k]} * double{right[c * 16 + k]};
        const double value = wanted[r * entry.layout.cols + c];
        error += (sum - value) * (sum - value), energy += value * value;
      }
    CHECK(std::sqrt(error / energy) < 1e-6);
  }
  CHECK(factored >= 3);
  CHECK(form.report().factored == factored);
  CHECK(form.report().macs_factored < form.report().macs_dense);
}

std::string varint(std::uint64_t value) {
  std::string text;
  for (; value >= 0x80; value >>= 7) text.push_back(static_cast<char>(value | 0x80));
  text.push_back(static_cast<char>(value));
  return text;
}
std::string number(unsigned field, std::uint64_t value) {
  return varint(field << 3) + varint(value);
}
std::string text(unsigned field, const std::string& body) {
  return varint(field << 3 | 2) + varint(body.size()) + body;
}
std::string product(const char* x, const char* weight, const char* y) {
  return text(1, text(1, x) + text(1, weight) + text(2, y) + text(4, "MatMul"));
}

// W a float32 matrix, V one of float16 as varints; never run, so the shapes need not fit.
model::Model model_with_varints() {
  std::vector<float> first(128 * 128), second(128 * 40);
  for (std::size_t i = 0; i < first.size(); ++i) first[i] = static_cast<float>(i * 7919 % 1000) / 1000;
  for (std::size_t i = 0; i < second.size(); ++i) second[i] = static_cast<float>(i * 104729 % 100) / 64;
  base::Bytes raw(4 * first.size()), half(2 * second.size());
  tensor::from_float(tensor::DType::f32, first, raw);
  tensor::from_float(tensor::DType::f16, second, half);
  const std::string w = number(1, 128) + number(1, 128) + number(2, 1) + text(8, "w") +
                        text(9, std::string(base::text_of(raw)));
  const std::string v = number(1, 40) + number(1, 128) + number(2, 10) + text(8, "v") +
                        text(5, std::string(base::text_of(model::to_varint16(half))));
  const std::string graph = product("x", "w", "p") + product("v", "p", "y") + text(2, "g") + text(5, w) +
                            text(5, v) + text(11, text(1, "x")) + text(12, text(1, "y"));
  const std::string file = number(1, 8) + text(7, graph) + text(8, number(2, 17));
  return model::Model::open(base::InputFile::from_bytes({file.begin(), file.end()}, "varints"), "/nowhere");
}

TEST_CASE("a dense weight that is stored as varints") {
  const Sample sample({}, model_with_varints());
  const FactoredForm form(*sample.stored, sample.path("out.onnx"), false, 1);
  REQUIRE(form.report().weights.size() == 1);
  CHECK(form.report().weights[0].why == "");
  std::vector<base::OutputFile> outs;
  outs.push_back(base::OutputFile::create(sample.path("out.onnx")));
  base::Progress quiet;
  form.write(outs, 1, quiet);
  outs[0].commit();
  const model::Model made = model::Model::open(sample.path("out.onnx"));
  REQUIRE(made.weights().size() == 3);
  CHECK(values(made, "w_left").size() == 128 * 16);
  CHECK(values(made, "v") == values(sample.policy, "v"));
}

TEST_CASE("a stored matrix view that is not the layer's") {
  const Sample sample([](model::Skeleton&, std::vector<container::EncodedWeight>& weights) {
    for (container::EncodedWeight& weight : weights) {
      tensor::WeightLayout& layout = weight.entry.layout;
      if (weight.entry.encoding.format != codec::Format::lowrank || layout.rows == layout.cols) continue;
      std::swap(layout.rows, layout.cols), std::swap(layout.shape[0], layout.shape[1]);
      std::swap(weight.cores[0], weight.cores[1]);
      weight.cores[0].layout.shape = {layout.rows, 16}, weight.cores[1].layout.shape = {16, layout.cols};
    }
  });
  const FactoredForm form(*sample.stored, sample.path("out.onnx"), false, 1);
  CHECK(form.report().factored == 0);
  REQUIRE_FALSE(form.report().weights.empty());
  for (const FactoredWeight& weight : form.report().weights)
    CHECK(weight.why.starts_with("it is stored as a matrix of "));
}

TEST_CASE("a container whose weights are not those of its graph is refused") {
  const auto refusal = [](const Sample::Change& change) {
    const Sample sample(change);
    try {
      const FactoredForm form(*sample.stored, sample.path("out.onnx"), false, 1);
    } catch (const base::Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  CHECK(refusal({}) == "accepted");
  // The same bytes, but another type than the graph says.
  const std::string other = refusal([](model::Skeleton&, std::vector<container::EncodedWeight>& weights) {
    for (container::EncodedWeight& weight : weights) {
      if (weight.entry.encoding.format != codec::Format::raw) continue;
      tensor::WeightLayout& layout = weight.entry.layout;
      layout = {tensor::DType::f16, {1, 2 * layout.elements()}, 1, 2 * layout.elements()};
      weight.cores[0].layout = {tensor::DType::f16, layout.shape};
      return;
    }
  });
  CHECK(other.find("is another one in the graph") != std::string::npos);
  // A weight in a field that no graph has: number 2000, 64 bytes.
  const std::string extra =
      refusal([](model::Skeleton& skeleton, std::vector<container::EncodedWeight>& weights) {
        const std::uint8_t field[] = {0x82, 0x7d, 0x40};
        skeleton.literals.insert(skeleton.literals.begin(), std::begin(field), std::end(field));
        std::vector<model::Piece>& pieces = skeleton.files[0].pieces;
        pieces.insert(pieces.begin(), {sizeof field, static_cast<std::uint32_t>(weights.size())});
        container::EncodedWeight& weight = weights.emplace_back();
        weight.entry.name = "nowhere";
        weight.entry.layout = {tensor::DType::f32, {16}, 1, 16};
        weight.entry.target_size = 64;
        weight.cores = {{{tensor::DType::f32, {16}}, base::Bytes(64)}};
      });
  CHECK(extra == "weight 'nowhere' is not in the graph");
}

}  // namespace
}  // namespace tt::pipeline
