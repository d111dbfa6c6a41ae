#include "runtime/generated_samples.h"

#include <doctest/doctest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "support.h"

namespace tt::runtime {
namespace {

class Graph {
 public:
  Graph() { proto_.set_ir_version(8); }
  Graph& weight(const std::string& name, const std::vector<std::int64_t>& dims, float value) {
    onnx::TensorProto& tensor = *proto_.mutable_graph()->add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    std::int64_t count = 1;
    for (const std::int64_t dim : dims) tensor.add_dims(dim), count *= dim;
    for (std::int64_t i = 0; i < count; ++i) tensor.add_float_data(value);
    return *this;
  }
  Graph& node(const std::string& op, std::initializer_list<std::string> inputs) {
    onnx::NodeProto& node = *proto_.mutable_graph()->add_node();
    node.set_op_type(op);
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output("y" + std::to_string(proto_.graph().node_size()));
    return *this;
  }
  Graph& input(const std::string& name) {
    proto_.mutable_graph()->add_input()->set_name(name);
    return *this;
  }
  model::Model model() const {
    const std::string text = proto_.SerializeAsString();
    return model::Model::open(test::file_of({text.begin(), text.end()}), std::vector<model::SourceFile>{});
  }

 private:
  onnx::ModelProto proto_;
};

Graph text_graph(std::int64_t rows) {
  return Graph().input("ids").weight("table", {rows, 8}, 1).node("Gather", {"table", "ids"});
}
// |row| of the kernel is 0.1 sqrt(27).
Graph picture_graph(float bias) {
  return Graph()
      .input("x")
      .weight("kernel", {16, 3, 3, 3}, 0.1F)
      .weight("bias", {16}, bias)
      .node("Conv", {"x", "kernel", "bias"});
}

double rms(const Array& array) {
  double sum = 0;
  const std::vector<double> values = to_doubles(array);
  for (const double value : values) sum += value * value;
  return std::sqrt(sum / static_cast<double>(values.size()));
}

TEST_CASE("token ids are rows of the table, masks are ones") {
  const model::Model model = text_graph(37).model();
  const std::vector<ValueInfo> inputs{{"ids", ElementType::i64, {{kFree, "n"}, {kFree, "t"}}},
                                      {"mask", ElementType::i32, {{kFree, "n"}, {kFree, "t"}}},
                                      {"on", ElementType::boolean, {{kFree, "n"}, {12, ""}}}};
  const NamedArrays arrays = generate_samples(model, inputs, {40, 16, 1});
  CHECK(arrays[0].array.shape == tensor::Shape{40, 16});
  const std::vector<double> ids = to_doubles(arrays[0].array);
  CHECK(*std::min_element(ids.begin(), ids.end()) == 0);
  CHECK(*std::max_element(ids.begin(), ids.end()) == 36);
  CHECK(to_doubles(arrays[1].array) == std::vector<double>(640, 1));
  CHECK(arrays[2].array.shape == tensor::Shape{40, 12});
  CHECK(arrays[2].array.data == base::Bytes(480, 1));
}

TEST_CASE("kinds of tokens are all the first, positions count up") {
  const std::vector<ValueInfo> ids{{"ids", ElementType::i64, {{kFree, ""}, {5, ""}}}};
  CHECK(to_doubles(generate_samples(text_graph(2).model(), ids, {1, 16, 1})[0].array) ==
        std::vector<double>(5, 0));
  const model::Model positions =
      Graph().input("position_ids").weight("t", {4, 8}, 1).node("Gather", {"t", "position_ids"}).model();
  const std::vector<ValueInfo> inputs{{"position_ids", ElementType::i64, {{kFree, ""}, {5, ""}}}};
  CHECK(to_doubles(generate_samples(positions, inputs, {1, 16, 1})[0].array) ==
        std::vector<double>{0, 1, 2, 3, 0});
}

TEST_CASE("pictures have the scale that the first bias asks for, within limits") {
  const std::vector<ValueInfo> inputs{
      {"x", ElementType::f32, {{kFree, ""}, {3, ""}, {40, ""}, {kFree, ""}}}};
  const auto scale = [&](float bias) {
    const NamedArrays arrays = generate_samples(picture_graph(bias).model(), inputs, {6, 16, 1});
    CHECK(arrays[0].array.shape == tensor::Shape{6, 3, 40, kPictureSide});
    return rms(arrays[0].array);
  };
  const double small = scale(0), usual = scale(5.2F), large = scale(1e6F);
  CHECK(small > 0.3);
  CHECK(small < 2.5);
  CHECK(usual / small == doctest::Approx(2 * 5.2 / (0.1 * std::sqrt(27.0))).epsilon(1e-4));
  CHECK(large / small == doctest::Approx(64).epsilon(1e-4));
}

TEST_CASE("whole batches, channels behind, bytes from 0 to 255") {
  const model::Model model = picture_graph(0).model();
  const std::vector<ValueInfo> batch{{"x", ElementType::f16, {{4, ""}, {3, ""}, {8, ""}, {8, ""}}}};
  CHECK(generate_samples(model, batch, {6, 16, 1})[0].array.shape == tensor::Shape{8, 3, 8, 8});
  const std::vector<ValueInfo> bytes{{"x", ElementType::u8, {{1, ""}, {20, ""}, {24, ""}, {3, ""}}}};
  const Array array = generate_samples(model, bytes, {5, 16, 1})[0].array;
  CHECK(array.shape == tensor::Shape{5, 20, 24, 3});
  CHECK(rms(array) > 64);
}

TEST_CASE("what is neither tokens nor a picture is named") {
  const auto kind = [](const Graph& graph, const ValueInfo& input, const std::string& part) {
    try {
      generate_samples(graph.model(), {input}, {});
    } catch (const base::Error& error) {
      CHECK(std::string(error.what()).find(part) != std::string::npos);
      return error.kind();
    }
    FAIL("no error");
    return base::ErrorKind::internal;
  };
  CHECK(kind(Graph().input("x").weight("w", {4, 6}, 1).node("MatMul", {"x", "w"}),
             {"x", ElementType::f32, {{kFree, "N"}, {4, ""}}}, "'x' (Nx4)") == base::ErrorKind::unsupported);
  CHECK(kind(picture_graph(0), {"x", ElementType::f32, {{1, ""}, {12, ""}, {8, ""}, {8, ""}}}, "1x12x8x8") ==
        base::ErrorKind::unsupported);
  CHECK(kind(picture_graph(0), {"x", ElementType::f32, {{1, ""}, {3, ""}, {1 << 20, ""}, {1 << 20, ""}}}, "1 GiB") ==
        base::ErrorKind::resource_limit);
}

}  // namespace
}  // namespace tt::runtime
