#include "runtime/image.h"

#include <doctest/doctest.h>

#include "support.h"

namespace tt::runtime {
namespace {

using base::ErrorKind;

const std::string kData = TT_TEST_DATA;

std::vector<std::uint64_t> place_sizes(const model::Model& model) {
  std::vector<std::uint64_t> sizes;
  for (const model::Weight& weight : model.weights()) sizes.push_back(weight.place.length);
  return sizes;
}

PayloadReader payloads(const model::Model& model, std::size_t piece = 1000) {
  return [&model, piece](std::size_t index, const PayloadSink& sink) {
    const base::Bytes payload = model.read(model.weights()[index]).payload;
    for (std::size_t at = 0; at < payload.size(); at += piece)
      sink(at, base::ByteView(payload).subspan(at, std::min(piece, payload.size() - at)));
  };
}

TEST_CASE("a skeleton with its payloads is the file again") {
  for (const char* name :
       {"/mnist_winml.onnx", "/ppocr_cls.onnx", "/super_resolution.onnx", "/unitree_velocity/policy.onnx"}) {
    CAPTURE(name);
    const model::Model model = model::Model::open(kData + name);
    const std::vector<base::Bytes> files =
        assemble(model.exact_skeleton(), place_sizes(model), payloads(model));
    REQUIRE(files.size() == model.files().size());
    for (std::size_t i = 0; i < files.size(); ++i)
      CHECK(files[i] == model.files()[i].file.read_bytes(0, model.files()[i].file.size()));
  }
}

TEST_CASE("external data is put inline, above the limit it goes beside the model") {
  const model::Model model = model::Model::open(kData + "/unitree_velocity/policy.onnx");
  const ModelImage whole = image_of(model);
  CHECK(whole.data.empty());
  CHECK(whole.model.size() > model.files()[1].file.size());
  const model::Model again = model::Model::open(base::InputFile::from_bytes(whole.model, "whole"), ".");
  CHECK(again.files().size() == 1);
  CHECK(again.weights().size() == model.weights().size());
  const ModelImage parts = image_of(model, 1000);
  REQUIRE(parts.data.size() == 1);
  CHECK(parts.data[0].location == "policy.onnx.data");
  CHECK(parts.model.size() == model.files()[0].file.size());
}

TEST_CASE("an assembled model reads nothing from disk") {
  const model::Model model = model::Model::open(kData + "/unitree_velocity/policy.onnx");
  model::Skeleton skeleton = model.exact_skeleton();
  const model::Model again = assembled_model(skeleton, place_sizes(model), payloads(model), "policy.tt");
  CHECK(again.weights().size() == model.weights().size());
  CHECK(image_of(again).model == image_of(model).model);
  skeleton.files[1].location = "other.data";
  CHECK(test::error_kind([&] { assembled_model(skeleton, place_sizes(model), payloads(model), "policy.tt"); },
                         "not part of the model") == ErrorKind::bad_data);
}

TEST_CASE("payloads that do not fill their places are refused") {
  const model::Model model = model::Model::open(kData + "/mnist_winml.onnx");
  const auto kind = [&](const PayloadReader& read) {
    return test::error_kind([&] { assemble(model.exact_skeleton(), place_sizes(model), read); },
                            "does not fill");
  };
  CHECK(kind([](std::size_t, const PayloadSink& sink) { sink(0, base::Bytes(1)); }) == ErrorKind::corrupt);
  CHECK(kind([](std::size_t, const PayloadSink& sink) { sink(1 << 20, base::Bytes(1)); }) ==
        ErrorKind::corrupt);
}

TEST_CASE("a safetensors file cannot be run") {
  const base::Bytes file =
      test::safetensors(R"({"x":{"dtype":"F32","shape":[16],"data_offsets":[0,64]}})", base::Bytes(64));
  const model::Model model = model::Model::open(test::file_of(file), ".");
  CHECK(test::error_kind([&] { image_of(model); }, "without a graph") == ErrorKind::unsupported);
}

}  // namespace
}  // namespace tt::runtime
