#include <doctest/doctest.h>

#include "fold_support.h"

namespace tt::model::test {
namespace {

std::vector<std::int64_t> dims_of(const onnx::ModelProto& proto, const std::string& name) {
  const onnx::TensorProto* tensor = find_initializer(proto, name);
  CAPTURE(name);
  REQUIRE(tensor != nullptr);
  return {tensor->dims().begin(), tensor->dims().end()};
}
using Shape = std::vector<std::int64_t>;

// A product with a weight that another node gives.
struct Constants : FoldGraphBuilder {
  Constants() { node("MatMul", {"x", "c"}, {"y"}); }
  onnx::NodeProto* first(const std::string& op, std::initializer_list<std::string> inputs) {
    onnx::NodeProto* made = node(op, inputs, {"c"});
    graph().mutable_node()->SwapElements(0, graph().node_size() - 1);
    return made;
  }
};

TEST_CASE("a transposed weight is stored as the layer sees it") {
  Constants b;
  b.first("Transpose", {b.weight("w", {4, 6})});
  const onnx::ModelProto made = b.fold();
  CHECK(made.graph().node_size() == 1);
  CHECK(dims_of(made, "w") == Shape{6, 4});
  CHECK(made.graph().node(0).input(1) == "w");
  CHECK(find_initializer(made, "c") == nullptr);
  const std::vector<float> values = values_of(made, "w");
  for (std::size_t i = 0; i < 6; ++i)
    for (std::size_t k = 0; k < 4; ++k) CHECK(values[i * 4 + k] == 0.5F + static_cast<float>(k * 6 + i));
  CHECK(b.report.constant_nodes == 1);
  REQUIRE(b.report.weights.size() == 1);
  CHECK(b.report.weights[0].weight == "w");
  CHECK(b.report.weights[0].original == "w");
  CHECK(b.report.weights[0].constant_nodes);
}

TEST_CASE("Transpose of any order") {
  Constants b;
  set_ints(b.first("Transpose", {b.weight("w", {2, 3, 4})}), "perm", {1, 2, 0});
  const onnx::ModelProto made = b.fold();
  CHECK(dims_of(made, "w") == Shape{3, 4, 2});
  const std::vector<float> values = values_of(made, "w");
  for (std::size_t i = 0; i < 24; ++i) CHECK(values[i] == 0.5F + static_cast<float>(i % 2 * 12 + i / 2));
}

TEST_CASE("nodes that change the shape alone") {
  Constants b;
  Shape expected;
  SUBCASE("Identity") {
    b.first("Identity", {b.weight("w", {4, 6})});
    expected = {4, 6};
  }
  SUBCASE("Reshape") {
    b.integers("shape", {0, -1, 2});
    b.first("Reshape", {b.weight("w", {4, 6}), "shape"});
    expected = {4, 3, 2};
  }
  SUBCASE("Squeeze") {
    b.integers("axes", {-1, 0});
    b.first("Squeeze", {b.weight("w", {1, 24, 1}), "axes"});
    expected = {24};
  }
  SUBCASE("Squeeze of all") {
    b.first("Squeeze", {b.weight("w", {1, 24, 1})});
    expected = {24};
  }
  SUBCASE("Unsqueeze") {
    b.integers("axes", {0, -1});
    b.first("Unsqueeze", {b.weight("w", {24}), "axes"});
    expected = {1, 24, 1};
  }
  SUBCASE("Unsqueeze with an attribute") {
    b.proto.mutable_opset_import(0)->set_version(12);
    set_ints(b.first("Unsqueeze", {b.weight("w", {24})}), "axes", {1});
    expected = {24, 1};
  }
  const onnx::ModelProto made = b.fold();
  CHECK(made.graph().initializer_size() == 1);  // what only the node used is gone
  CHECK(dims_of(made, "w") == expected);
  CHECK(find_initializer(made, "w")->raw_data() == float_bytes(24));
}

TEST_CASE("arithmetic with scalars and vectors is what float arithmetic gives") {
  Constants b;
  float (*expected)(float, std::size_t) = nullptr;
  SUBCASE("a scalar times the weight") {
    *b.graph().add_initializer() = raw_tensor("s", {}, 0.1F);
    b.first("Mul", {"s", b.weight("w", {4, 6})});
    expected = [](float w, std::size_t) { return 0.1F * w; };
  }
  SUBCASE("the weight less a column") {
    b.first("Sub", {b.weight("w", {4, 6}), b.weight("s", {4, 1}, 0.1F)});
    expected = [](float w, std::size_t i) { return w - (0.1F + static_cast<float>(i / 6)); };
  }
  SUBCASE("a row less the weight") {
    b.first("Sub", {b.weight("s", {6}, 0.1F), b.weight("w", {4, 6})});
    expected = [](float w, std::size_t i) { return (0.1F + static_cast<float>(i % 6)) - w; };
  }
  SUBCASE("a row through the weight") {
    b.first("Div", {b.weight("s", {6}, 0.1F), b.weight("w", {4, 6})});
    expected = [](float w, std::size_t i) { return (0.1F + static_cast<float>(i % 6)) / w; };
  }
  SUBCASE("the weight and itself") {
    b.weight("w", {4, 6});
    b.first("Add", {"w", "w"});
    expected = [](float w, std::size_t) { return w + w; };
  }
  const onnx::ModelProto made = b.fold();
  const std::vector<float> values = values_of(made, "w");
  REQUIRE(values.size() == 24);
  for (std::size_t i = 0; i < 24; ++i) CHECK(values[i] == expected(0.5F + static_cast<float>(i), i));
}

TEST_CASE("Concat and Cast") {
  Constants b;
  SUBCASE("Concat") {
    set_int(b.first("Concat", {b.weight("v", {2, 3}), b.weight("w", {2, 5}, 100.5F)}), "axis", -1);
    const onnx::ModelProto made = b.fold();
    CHECK(dims_of(made, "c") == Shape{2, 8});
    const std::vector<float> values = values_of(made, "c");
    for (std::size_t i = 0; i < 16; ++i) {
      const std::size_t row = i / 8, column = i % 8;
      CHECK(values[i] == (column < 3 ? 0.5F + static_cast<float>(row * 3 + column)
                                     : 100.5F + static_cast<float>(row * 5 + column - 3)));
    }
  }
  SUBCASE("Cast to a smaller type") {
    set_int(b.first("Cast", {b.weight("w", {4, 6})}), "to", onnx::TensorProto::FLOAT16);
    CHECK(find_initializer(b.fold(), "w")->raw_data().size() == 48);
  }
  SUBCASE("Cast to a larger type is larger") {
    set_int(b.first("Cast", {b.weight("w", {4, 6})}), "to", onnx::TensorProto::DOUBLE);
    b.refusal();
  }
  SUBCASE("Cast to integers") {
    set_int(b.first("Cast", {b.weight("w", {4, 6})}), "to", onnx::TensorProto::INT32);
    b.refusal();
  }
}

TEST_CASE("a chain of nodes is folded, and the layer behind it with its normalisation") {
  FoldGraphBuilder b;
  b.node("Transpose", {b.weight("w", {4, 6})}, {"t"});
  b.node("Mul", {"t", b.weight("s", {4})}, {"c"});
  b.node("Gemm", {"x", "c"}, {"p"});
  b.norm("p", "y", 4);
  const onnx::ModelProto made = b.fold();
  CHECK(ops_of(made) == std::vector<std::string>{"Gemm"});
  CHECK(made.graph().initializer_size() == 2);
  CHECK(b.report.constant_nodes == 2);
  REQUIRE(b.report.weights.size() == 1);
  CHECK(b.report.weights[0].original == "w");
  CHECK(b.report.weights[0].constant_nodes);
  CHECK(b.report.weights[0].output_scale.size() == 4);
}

TEST_CASE("a result that several nodes use keeps its own name") {
  Constants b;
  b.first("Transpose", {b.weight("w", {4, 6})});
  b.node("MatMul", {"z", "c"}, {"more"});
  const onnx::ModelProto made = b.fold();
  CHECK(find_initializer(made, "w") == nullptr);
  CHECK(dims_of(made, "c") == Shape{6, 4});
  CHECK(b.report.weights.at(0).weight == "c");
  CHECK(b.report.weights.at(0).original == "w");
}

TEST_CASE("a result in an old file is a Constant node") {
  Constants b;
  b.proto.set_ir_version(3);
  b.first("Transpose", {b.weight("w", {4, 6})});
  b.graph().add_input()->set_name("w");
  const onnx::ModelProto made = b.fold();
  CHECK(ops_of(made) == std::vector<std::string>{"Constant", "MatMul"});
  CHECK(made.graph().input_size() == 0);
  CHECK(values_of(made, "w").size() == 24);
}

TEST_CASE("nodes that would make the model larger, or that others need, stay") {
  Constants b;
  FoldOptions options;
  SUBCASE("a weight that is used twice") {
    b.first("Transpose", {b.weight("w", {4, 6})});
    b.node("Relu", {"w"}, {"z"});
  }
  SUBCASE("a weight that is to be kept") {
    b.first("Transpose", {b.weight("w", {4, 6})});
    options.keep = [](const Weight& weight) { return weight.name == "w"; };
  }
  SUBCASE("a result that is an output") {
    b.first("Transpose", {b.weight("w", {4, 6})});
    b.graph().add_output()->set_name("c");
  }
  SUBCASE("two vectors that make a matrix") {
    b.first("Mul", {b.weight("v", {400, 1}), b.weight("w", {1, 600})});
  }
  SUBCASE("another type") {
    b.weight("w", {4, 6});
    auto* half = b.graph().add_initializer();
    half->set_name("h");
    half->set_data_type(onnx::TensorProto::FLOAT16);
    half->set_raw_data(std::string(2, '\0'));
    b.first("Mul", {"w", "h"});
  }
  SUBCASE("Expand and Tile are never folded") {
    b.integers("n", {1, 1});
    b.first("Tile", {b.weight("w", {4, 6}), "n"});
  }
  SUBCASE("a shape that is too large") {
    b.integers("shape", {std::int64_t{1} << 62, std::int64_t{1} << 62, -1});
    b.first("Reshape", {b.weight("w", {4, 6}), "shape"});
  }
  SUBCASE("a shape of another size") {
    b.integers("shape", {5, -1});
    b.first("Reshape", {b.weight("w", {4, 6}), "shape"});
  }
  SUBCASE("a shape with two holes") {
    b.integers("shape", {-1, -1});
    b.first("Reshape", {b.weight("w", {4, 6}), "shape"});
  }
  SUBCASE("a shape that is not known") {
    b.first("Reshape", {b.weight("w", {4, 6}), "shape"});
  }
  SUBCASE("axes twice") {
    set_ints(b.first("Transpose", {b.weight("w", {4, 6})}), "perm", {1, 1});
  }
  SUBCASE("axes out of range") {
    b.integers("axes", {7});
    b.first("Unsqueeze", {b.weight("w", {4, 6}), "axes"});
  }
  SUBCASE("parts that do not fit") {
    set_int(b.first("Concat", {b.weight("v", {2, 3}), b.weight("w", {3, 5})}), "axis", 1);
  }
  SUBCASE("an operator of another domain") {
    b.first("Transpose", {b.weight("w", {4, 6})})->set_domain("else.where");
  }
  SUBCASE("a name that is given twice") {
    b.first("Transpose", {b.weight("w", {4, 6})});
    b.node("Relu", {"x"}, {"c"});
  }
  b.refusal(options);
}

}  // namespace
}  // namespace tt::model::test
