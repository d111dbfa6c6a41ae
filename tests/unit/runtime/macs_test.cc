#include "runtime/macs.h"

#include <doctest/doctest.h>
#include <onnx/onnx_pb.h>

#include "model/taps.h"
#include "runtime/library.h"
#include "runtime/session.h"
#include "support.h"

namespace tt::runtime {
namespace {

const std::string kData = TT_TEST_DATA;
bool no_runtime() {
  static const bool none = onnxruntime_version().empty();
  return none;
}

Array zeros(const tensor::Shape& shape) {
  return test::floats(shape, std::vector<double>(tensor::element_count(shape), 0.0));
}

// A graph x -> nodes -> last output, all float32.
class Graph {
 public:
  explicit Graph(const std::vector<std::int64_t>& input) {
    proto_.set_ir_version(8);
    proto_.add_opset_import()->set_version(17);
    graph().set_name("g");
    declare(*graph().add_input(), "x", input);
  }
  std::string weight(const std::string& name, const std::vector<std::int64_t>& dims) {
    onnx::TensorProto& tensor = *graph().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    std::size_t count = 1;
    for (const std::int64_t dim : dims) {
      tensor.add_dims(dim);
      count *= static_cast<std::size_t>(dim);
    }
    tensor.set_raw_data(std::string(4 * count, '\0'));
    return name;
  }
  onnx::NodeProto& node(const std::string& op, std::initializer_list<std::string> inputs,
                        const std::string& output) {
    onnx::NodeProto& node = *graph().add_node();
    node.set_op_type(op);
    node.set_name(op + "." + output);
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(output);
    return node;
  }
  model::Model model(const std::string& output) {
    onnx::ValueInfoProto& info = *graph().add_output();
    info.set_name(output);
    info.mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT);
    const std::string text = proto_.SerializeAsString();
    return model::Model::open(test::file_of({text.begin(), text.end()}), std::vector<model::SourceFile>{});
  }
  onnx::GraphProto& graph() { return *proto_.mutable_graph(); }

 private:
  static void declare(onnx::ValueInfoProto& info, const std::string& name,
                      const std::vector<std::int64_t>& dims) {
    info.set_name(name);
    auto* type = info.mutable_type()->mutable_tensor_type();
    type->set_elem_type(onnx::TensorProto::FLOAT);
    for (const std::int64_t dim : dims) {
      auto* added = type->mutable_shape()->add_dim();
      if (dim > 0) added->set_dim_value(dim);
    }
  }
  onnx::ModelProto proto_;
};

void set_int(onnx::NodeProto& node, const std::string& name, std::int64_t value) {
  auto* attribute = node.add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::INT);
  attribute->set_i(value);
}
void set_ints(onnx::NodeProto& node, const std::string& name, const std::vector<std::int64_t>& values) {
  auto* attribute = node.add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) attribute->add_ints(value);
}

std::uint64_t macs(Graph& graph, const std::string& output, const tensor::Shape& input,
                   std::uint64_t count = 1) {
  return count_macs(graph.model(output), {{"x", zeros(input)}}, count).total;
}

TEST_CASE("products count rows x in x out, whatever the side and the transposition" *
          doctest::skip(no_runtime())) {
  Graph right({-1, 5, 6});
  right.node("MatMul", {"x", right.weight("w", {6, 7})}, "p");
  right.node("Add", {"p", right.weight("b", {7})}, "y");
  CHECK(macs(right, "y", {1, 5, 6}) == 5 * 6 * 7);

  Graph left({5, 6});
  left.node("MatMul", {left.weight("w", {7, 5}), "x"}, "y");
  CHECK(count_macs(left.model("y"), {{"x", zeros({1, 5, 6})}}, 1).total == 7 * 5 * 6);

  Graph gemm({-1, 6});
  set_int(gemm.node("Gemm", {"x", gemm.weight("w", {7, 6}), gemm.weight("c", {7})}, "y"), "transB", 1);
  CHECK(macs(gemm, "y", {1, 6}) == 6 * 7);
  const Macs three = count_macs(gemm.model("y"), {{"x", zeros({3, 6})}}, 3);
  CHECK(three.total == 6 * 7);

  Graph view({-1, 6});
  view.node("Transpose", {view.weight("w", {7, 6})}, "t");
  view.node("MatMul", {"x", "t"}, "y");
  CHECK(macs(view, "y", {1, 6}) == 6 * 7);
}

TEST_CASE("convolutions count outputs x kernel, transposed ones inputs x kernel" *
          doctest::skip(no_runtime())) {
  Graph conv({1, 4, 9, 9});
  onnx::NodeProto& grouped = conv.node("Conv", {"x", conv.weight("k", {6, 2, 3, 3})}, "y");
  set_int(grouped, "group", 2);
  set_ints(grouped, "strides", {2, 2});
  set_ints(grouped, "pads", {1, 1, 1, 1});
  CHECK(macs(conv, "y", {1, 4, 9, 9}) == 6 * 5 * 5 * (2 * 3 * 3));

  Graph up({1, 4, 5, 5});
  up.node("Relu", {"x"}, "r");
  set_ints(up.node("ConvTranspose", {"r", up.weight("k", {4, 3, 2, 2})}, "y"), "strides", {2, 2});
  CHECK(macs(up, "y", {1, 4, 5, 5}) == 4 * 5 * 5 * (3 * 2 * 2));
}

TEST_CASE("recurrent layers count both matrices once a step" * doctest::skip(no_runtime())) {
  Graph graph({7, 1, 5});
  onnx::NodeProto& lstm =
      graph.node("LSTM", {"x", graph.weight("W", {2, 12, 5}), graph.weight("R", {2, 12, 3})}, "y");
  set_int(lstm, "hidden_size", 3);
  auto* direction = lstm.add_attribute();
  direction->set_name("direction");
  direction->set_type(onnx::AttributeProto::STRING);
  direction->set_s("bidirectional");
  const Macs result = count_macs(graph.model("y"), {{"x", zeros({1, 7, 1, 5})}}, 1);
  REQUIRE(result.layers.size() == 2);
  CHECK(result.layers[0].macs == 7 * 2 * 12 * 5);
  CHECK(result.layers[1].macs == 7 * 2 * 12 * 3);
  CHECK(result.total == result.layers[0].macs + result.layers[1].macs);
  CHECK(result.layers[0].op == "LSTM");
  CHECK(result.layers[0].node == "LSTM.y");
}

TEST_CASE("layers in a branch are said to be uncounted" * doctest::skip(no_runtime())) {
  Graph graph({2, 4});
  onnx::TensorProto& condition = *graph.graph().add_initializer();
  condition.set_name("yes");
  condition.set_data_type(onnx::TensorProto::BOOL);
  condition.set_raw_data(std::string(1, '\1'));
  onnx::NodeProto& branch = graph.node("If", {"yes"}, "y");
  for (const char* name : {"then_branch", "else_branch"}) {
    auto* attribute = branch.add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::GRAPH);
    onnx::GraphProto& inner = *attribute->mutable_g();
    inner.set_name(name);
    onnx::TensorProto& weight = *inner.add_initializer();
    weight.set_name("w");
    weight.set_data_type(onnx::TensorProto::FLOAT);
    weight.add_dims(4);
    weight.add_dims(6);
    weight.set_raw_data(std::string(96, '\0'));
    onnx::NodeProto& node = *inner.add_node();
    node.set_op_type("MatMul");
    node.add_input("x");
    node.add_input("w");
    node.add_output("inner");
    inner.add_output()->set_name("inner");
    inner.mutable_output(0)->mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT);
  }
  graph.node("MatMul", {"y", graph.weight("v", {6, 5})}, "z");
  const Macs result = count_macs(graph.model("z"), {{"x", zeros({1, 2, 4})}}, 1);
  CHECK(result.total == 2 * 6 * 5);
  CHECK(result.uncounted == 2);
}

TEST_CASE("real models count as their layers multiply" * doctest::skip(no_runtime())) {
  const auto total = [](const std::string& name, const std::string& input, const tensor::Shape& shape,
                        std::uint64_t count) {
    return count_macs(model::Model::open(kData + name), {{input, zeros(shape)}}, count).total;
  };
  constexpr std::uint64_t kMnist = 28 * 28 * 8 * 25 + 14 * 14 * 16 * (8 * 25) + 256 * 10;
  CHECK(total("/mnist_winml.onnx", "Input3", {1, 1, 28, 28}, 1) == kMnist);
  CHECK(total("/mnist_winml.onnx", "Input3", {3, 1, 28, 28}, 3) == kMnist);
  CHECK(total("/super_resolution.onnx", "input", {1, 1, 224, 224}, 1) ==
        224ULL * 224 * (64 * 25 + 64 * (64 * 9) + 32 * (64 * 9) + 9 * (32 * 9)));
}

TEST_CASE("further outputs leave the model's own as they are" * doctest::skip(no_runtime())) {
  const model::Model original = model::Model::open(kData + "/mnist_winml.onnx");
  std::vector<std::string> names;
  for (const model::Tap& tap : model::taps_of(original)) names.push_back(tap.output);
  REQUIRE(names.size() == 3);
  const Session tapped = Session::open(tapped_model(original, names));
  std::vector<double> pixels = test::counting(784);
  const NamedArrays samples = {{"Input3", test::floats({1, 1, 28, 28}, pixels)}};
  const NamedArrays outputs = tapped.run(samples);
  CHECK(outputs.size() == 3);  // the last layer's bias gives the model's output
  const NamedArrays before = Session::open(original).run(samples);
  const std::vector<double> expected = to_doubles(before[0].array);
  const std::vector<double> values = to_doubles(*find_array(outputs, before[0].name));
  REQUIRE(values.size() == expected.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    CHECK(values[i] == doctest::Approx(expected[i]).epsilon(1e-4));
}

}  // namespace
}  // namespace tt::runtime
