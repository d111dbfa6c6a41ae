#include "runtime/session.h"

#include <doctest/doctest.h>

#include <cmath>

#include "runtime/library.h"
#include "runtime/samples.h"
#include "support.h"

namespace tt::runtime {
namespace {

using base::ErrorKind;

const std::string kData = TT_TEST_DATA;
bool no_runtime() {
  static const bool none = onnxruntime_version().empty();
  return none;
}

Session open(const std::string& name, const SessionOptions& options = {}) {
  return Session::open(model::Model::open(kData + name), options);
}

// A small pattern, the same for every run.
Array pattern(const tensor::Shape& shape) {
  std::vector<double> values(tensor::element_count(shape));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<double>(i) * 0.1);
  return test::floats(shape, values);
}

TEST_CASE("initializers that are repeated in the inputs are not asked for" * doctest::skip(no_runtime())) {
  const Session session = open("/mnist_winml.onnx");
  REQUIRE(session.inputs().size() == 1);
  CHECK(session.inputs()[0].name == "Input3");
  CHECK(dims_text(session.inputs()[0]) == "1x1x28x28");
  CHECK(session.outputs()[0].name == "Plus214_Output_0");
}

TEST_CASE("free dimensions are named" * doctest::skip(no_runtime())) {
  const Session session = open("/super_resolution.onnx");
  CHECK(dims_text(session.inputs()[0]) == "batch_sizex1x224x224");
  CHECK(session.inputs()[0].dims[0].size == kFree);
}

TEST_CASE("a graph of batch 1 takes many samples, in a child the same" * doctest::skip(no_runtime())) {
  const NamedArrays samples = {{"Input3", pattern({5, 1, 28, 28})}};
  SessionOptions isolated;
  isolated.isolate = base::ChildLimits{std::uint64_t{1} << 30, 60};
  const Session child = open("/mnist_winml.onnx", isolated);  // before the runtime's threads
  const Session session = open("/mnist_winml.onnx");
  const NamedArrays outputs = session.run(samples);
  REQUIRE(outputs.size() == 1);
  CHECK(outputs[0].array.shape == tensor::Shape{5, 10});
  CHECK(child.inputs()[0].name == "Input3");
  CHECK(child.run(samples)[0].array.data == outputs[0].array.data);
  Array third = pattern({5, 1, 28, 28});
  third.data.erase(third.data.begin(), third.data.begin() + 2 * 784 * 4);
  third.data.resize(784 * 4);
  third.shape[0] = 1;
  const std::vector<double> all = to_doubles(outputs[0].array);
  CHECK(to_doubles(session.run_once({{"Input3", third}})[0].array) ==
        std::vector<double>(all.begin() + 20, all.begin() + 30));
}

TEST_CASE("a model with external data runs inline and with data from memory" * doctest::skip(no_runtime())) {
  const model::Model model = model::Model::open(kData + "/unitree_velocity/policy.onnx");
  const NamedArrays inputs = {{"obs", pattern({1, 96})}};
  const auto whole = start_onnxruntime(image_of(model), 1),
             parts = start_onnxruntime(image_of(model, 1000), 1);
  CHECK(whole->run(inputs)[0].array.data == parts->run(inputs)[0].array.data);
}

TEST_CASE("what the model refuses is an error of the data" * doctest::skip(no_runtime())) {
  SessionOptions isolated;
  isolated.isolate = base::ChildLimits{};
  for (const SessionOptions& options : {isolated, SessionOptions{}}) {
    const Session session = open("/ppocr_cls.onnx", options);
    CHECK(test::error_kind([&] { session.run({{"x", pattern({1, 3, 1})}}); }, "'x'") == ErrorKind::bad_data);
    // Too small for the graph's own pooling.
    CHECK(test::error_kind(
              [&] {
                session.run({{"x", pattern({1, 3, 0, 0})}});
              },
              "model fails") == ErrorKind::bad_data);
    CHECK(session.run({{"x", pattern({2, 3, 48, 192})}})[0].array.shape == tensor::Shape{2, 2});
  }
  model::Model broken = model::Model::open(
      base::InputFile::from_bytes(
          [] {
            base::Bytes bytes = base::InputFile::open(kData + "/mnist_winml.onnx").read_bytes(0, 26627);
            const std::string_view text = base::text_of(bytes), op = "MatMul";
            bytes[text.find(op)] = 'X';
            return bytes;
          }(),
          "broken"),
      ".");
  const ErrorKind kind = test::error_kind([&] { Session::open(broken); }, "ONNX Runtime refuses the model");
  CHECK((kind == ErrorKind::bad_data || kind == ErrorKind::unsupported));
}

TEST_CASE("a child has its limits" * doctest::skip(no_runtime())) {
  SessionOptions slow;
  slow.isolate = base::ChildLimits{0, 1e-4};
  CHECK(test::error_kind([&] { open("/super_resolution.onnx", slow); }, "time limit") ==
        ErrorKind::resource_limit);
#ifndef __SANITIZE_ADDRESS__  // its allocator ends the process instead
  SessionOptions small;
  small.isolate = base::ChildLimits{std::uint64_t{150} << 20, 60};
  const Session session = open("/super_resolution.onnx", small);
  CHECK(session.run({{"input", pattern({1, 1, 224, 224})}})[0].array.shape == tensor::Shape{1, 1, 672, 672});
  CHECK(test::error_kind(
            [&] {
              session.run({{"input", pattern({64, 1, 224, 224})}});
            },
            "memory") == ErrorKind::resource_limit);
#endif
}

TEST_CASE("without ONNX Runtime the error says how to get it" * doctest::skip(!no_runtime())) {
  CHECK(test::error_kind([&] { open("/mnist_winml.onnx"); }, "ONNX Runtime") == ErrorKind::unsupported);
}

}  // namespace
}  // namespace tt::runtime
