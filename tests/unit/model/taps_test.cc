#include "model/taps.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "support.h"

namespace tt::model::test {
namespace {

using Integers = std::vector<std::int64_t>;

void set_int(onnx::NodeProto* node, const std::string& name, std::int64_t value) {
  auto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::INT);
  attribute->set_i(value);
}
void set_ints(onnx::NodeProto* node, const std::string& name, const Integers& values) {
  auto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) attribute->add_ints(value);
}
void set_text(onnx::NodeProto* node, const std::string& name, const std::string& value) {
  auto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::STRING);
  attribute->set_s(value);
}

class Builder {
 public:
  std::string weight(const std::string& name, std::initializer_list<std::int64_t> dims) {
    *graph().add_initializer() = raw_tensor(name, dims);
    return name;
  }
  onnx::NodeProto* node(const std::string& op, std::initializer_list<std::string> inputs,
                        std::initializer_list<std::string> outputs) {
    return add_node(graph(), op, inputs, outputs, "n." + *outputs.begin());
  }
  onnx::GraphProto& graph() { return *proto.mutable_graph(); }
  std::vector<Tap> taps() const { return taps_of(open_proto(proto)); }

  onnx::ModelProto proto = empty_model();
};

onnx::ModelProto parse(const std::string& text) {
  onnx::ModelProto proto;
  REQUIRE(proto.ParseFromString(text));
  return proto;
}

TEST_CASE("a tap names what goes in and comes out, after the bias") {
  Builder b;
  b.node("MatMul", {"x", b.weight("w", {4, 6})}, {"p"});
  b.node("Add", {b.weight("b", {6}), "p"}, {"y"});
  b.node("MatMul", {b.weight("left", {8, 6}), "y"}, {"z"});
  b.graph().add_output()->set_name("z");
  const Model model = open_proto(b.proto);
  const std::vector<Tap> taps = taps_of(model);
  REQUIRE(taps.size() == 2);
  CHECK(model.weights()[taps[0].weight].name == "w");
  CHECK(taps[0].node == "n.p");
  CHECK(taps[0].op == "MatMul");
  CHECK(taps[0].input == "x");
  CHECK(taps[0].output == "y");
  CHECK_FALSE(taps[0].weight_is_left);
  CHECK_FALSE(taps[0].transposed);
  CHECK(taps[1].input == "y");
  CHECK(taps[1].output == "z");
  CHECK(taps[1].weight_is_left);
}

TEST_CASE("the product itself is tapped where others use it too") {
  Builder b;
  b.node("MatMul", {"x", b.weight("w", {4, 6})}, {"p"});
  b.node("Add", {"p", b.weight("b", {6})}, {"y"});
  SUBCASE("another node") {
    b.node("Relu", {"p"}, {"r"});
  }
  SUBCASE("an output of the model") {
    b.graph().add_output()->set_name("p");
  }
  CHECK(b.taps().at(0).output == "p");
}

TEST_CASE("transposition counts from Gemm and from Transpose nodes") {
  Builder b;
  set_int(b.node("Gemm", {"x", b.weight("a", {6, 4}), b.weight("c", {6})}, {"gemm"}), "transB", 1);
  set_int(b.node("Gemm", {"x", b.weight("b", {4, 6})}, {"input"}), "transA", 1);
  b.node("Transpose", {b.weight("t", {6, 4})}, {"t.t"});
  b.node("MatMul", {"x", "t.t"}, {"once"});
  set_ints(b.node("Transpose", {"t.t"}, {"t.t.t"}), "perm", {1, 0});
  b.node("MatMul", {"x", "t.t.t"}, {"twice"});
  set_ints(b.node("Transpose", {"t"}, {"same"}), "perm", {0, 1});
  b.node("MatMul", {"x", "same"}, {"never"});
  set_int(b.node("Gemm", {b.weight("l", {4, 6}), "x"}, {"left"}), "transA", 1);
  b.node("Reshape", {b.weight("r", {2, 2, 6}), "shape"}, {"r.r"});
  b.node("MatMul", {"x", "r.r"}, {"reshaped"});
  struct Expected {
    bool transposed, input_transposed, left, reshaped;
  };
  const std::vector<Expected> expected = {{true, false, false, false},  {false, true, false, false},
                                          {true, false, false, false},  {false, false, false, false},
                                          {false, false, false, false}, {true, false, true, false},
                                          {false, false, false, true}};
  const std::vector<Tap> taps = b.taps();
  REQUIRE(taps.size() == expected.size());
  for (std::size_t i = 0; i < taps.size(); ++i) {
    CAPTURE(taps[i].output);
    CHECK(taps[i].transposed == expected[i].transposed);
    CHECK(taps[i].input_transposed == expected[i].input_transposed);
    CHECK(taps[i].weight_is_left == expected[i].left);
    CHECK(taps[i].reshaped == expected[i].reshaped);
  }
}

TEST_CASE("a convolution's attributes come as they are in the file") {
  Builder b;
  onnx::NodeProto* conv = b.node("Conv", {"x", b.weight("k", {8, 2, 3, 3})}, {"y"});
  set_ints(conv, "kernel_shape", {3, 3});
  set_ints(conv, "strides", {2, 1});
  set_ints(conv, "pads", {1, 0, -1, 1});
  set_ints(conv, "dilations", {1, 2});
  set_int(conv, "group", 2);
  b.node("ConvTranspose", {"y", b.weight("t", {8, 4, 2, 2})}, {"z"});
  set_text(b.node("Conv", {"z", b.weight("e", {4, 4, 1, 1})}, {"e.out"}), "auto_pad", "SAME_UPPER");
  const std::vector<Tap> taps = b.taps();
  REQUIRE(taps.size() == 3);
  CHECK(taps[0].kernel_shape == Integers{3, 3});
  CHECK(taps[0].strides == Integers{2, 1});
  CHECK(taps[0].pads == Integers{1, 0, -1, 1});
  CHECK(taps[0].dilations == Integers{1, 2});
  CHECK(taps[0].group == 2);
  CHECK(taps[0].auto_pad.empty());
  CHECK(taps[1].op == "ConvTranspose");
  CHECK(taps[1].kernel_shape.empty());
  CHECK(taps[1].group == 1);
  CHECK(taps[2].auto_pad == "SAME_UPPER");
}

TEST_CASE("lists of attributes may be packed, and are kept up to a cap") {
  Builder b;
  onnx::NodeProto* conv = b.node("Conv", {"x", b.weight("k", {8, 2, 3, 3})}, {"y"});
  // AttributeProto {name: "strides", ints: [2, 3] packed, type: INTS}
  conv->add_attribute()->ParseFromString(std::string("\x0a\x07strides\x42\x02\x02\x03\xa0\x01\x07", 16));
  set_ints(conv, "pads", Integers(100'000, 1));
  set_text(conv, "auto_pad", std::string(100'000, 'A'));
  // The generated class writes what it read unpacked; the packed bytes are put back.
  std::string text = b.proto.SerializeAsString();
  const std::string unpacked("\x0a\x07strides\x40\x02\x40\x03\xa0\x01\x07", 16);
  const std::size_t at = text.find(unpacked);
  REQUIRE(at != std::string::npos);
  text.replace(at, unpacked.size(), std::string("\x0a\x07strides\x42\x02\x02\x03\xa0\x01\x07", 16));
  const std::vector<Tap> taps = taps_of(open_text(text));
  REQUIRE(taps.size() == 1);
  CHECK(taps[0].strides == Integers{2, 3});
  CHECK(taps[0].pads.empty());
  CHECK(taps[0].auto_pad.empty());
}

TEST_CASE("recurrent layers and tables have taps, biases and norms none") {
  Builder b;
  b.node("Gather", {b.weight("table", {10, 4}), "ids"}, {"embedded"});
  b.node("LSTM", {"embedded", b.weight("W", {1, 32, 4}), b.weight("R", {1, 32, 8}), b.weight("B", {1, 64})},
         {"", "last"});
  b.node("LayerNormalization", {"last", b.weight("scale", {32})}, {"normed"});
  const std::vector<Tap> taps = b.taps();
  REQUIRE(taps.size() == 3);
  CHECK(taps[0].input == "ids");
  CHECK(taps[0].output == "embedded");
  CHECK(taps[1].input == "embedded");
  CHECK(taps[1].output == "last");
  CHECK(taps[2].input.empty());
  CHECK(taps[2].sequence == "embedded");
  CHECK(taps[2].output == "last");
}

TEST_CASE("layers inside subgraphs and functions have no tap") {
  Builder b;
  onnx::NodeProto* branch = b.node("If", {"condition"}, {"y"});
  auto* attribute = branch->add_attribute();
  attribute->set_name("then_branch");
  attribute->set_type(onnx::AttributeProto::GRAPH);
  *attribute->mutable_g()->add_initializer() = raw_tensor("w", {4, 6});
  add_node(*attribute->mutable_g(), "MatMul", {"x", "w"}, {"inner"});
  auto* function = b.proto.add_functions();
  function->set_name("f");
  *function->add_node() = b.graph().node(0);
  CHECK(b.taps().empty());
}

TEST_CASE("outputs are added to the main graph, each once, and nothing else changes") {
  Builder b;
  b.node("MatMul", {"x", b.weight("w", {4, 6})}, {"p"});
  b.node("MatMul", {"p", b.weight("v", {6, 4})}, {"q"});
  b.node("Relu", {"q"}, {"y"});
  b.graph().add_input()->set_name("x");
  b.graph().add_output()->set_name("y");
  b.proto.set_producer_name("a field behind the graph");
  const Model model = open_proto(b.proto);
  const std::vector<std::string> files = assemble(model, tapped_skeleton(model, {"p", "y", "q", "p"}));
  REQUIRE(files.size() == 1);
  onnx::ModelProto expected = b.proto;
  expected.mutable_graph()->add_output()->set_name("p");
  expected.mutable_graph()->add_output()->set_name("q");
  CHECK(parse(files[0]).SerializeAsString() == expected.SerializeAsString());
  CHECK(taps_of(open_text(files[0])).size() == 2);
}

TEST_CASE("nothing to add gives the inline skeleton") {
  Builder b;
  b.node("MatMul", {"x", b.weight("w", {4, 6})}, {"y"});
  b.graph().add_output()->set_name("y");
  const Model model = open_proto(b.proto);
  CHECK(assemble(model, tapped_skeleton(model, {"y"})) == assemble(model, model.inline_skeleton()));
  CHECK(assemble(model, tapped_skeleton(model, {})) == source_files(model));
}

TEST_CASE("external data is put inline on the way") {
  TempFolder folder;
  folder.write("data", float_bytes(24));
  Builder b;
  *b.graph().add_initializer() = external_tensor("w", {4, 6}, "data", "0", "96");
  b.node("MatMul", {"x", "w"}, {"p"});
  b.node("Relu", {"p"}, {"y"});
  b.graph().add_output()->set_name("y");
  const Model model = open_proto(b.proto, folder.path());
  const onnx::ModelProto proto = parse(assemble(model, tapped_skeleton(model, {"p"})).at(0));
  CHECK(proto.graph().initializer(0).raw_data() == float_bytes(24));
  REQUIRE(proto.graph().output_size() == 2);
  CHECK(proto.graph().output(1).name() == "p");
}

TEST_CASE("names that no node gives are refused") {
  Builder b;
  b.node("MatMul", {"x", b.weight("w", {4, 6})}, {"y"});
  const Model model = open_proto(b.proto);
  CHECK(given_values(model, {"x", "y", "w", "nowhere", ""}) == std::vector<std::string>{"y"});
  for (const char* name : {"x", "w", "nowhere", ""}) {
    CAPTURE(name);
    try {
      tapped_skeleton(model, {name});
      FAIL("added");
    } catch (const base::Error& error) {
      CHECK(error.kind() == base::ErrorKind::usage);
      CHECK(std::string(error.what()).find("no node of the main graph gives") != std::string::npos);
    }
  }
}

TEST_CASE("a safetensors file has neither taps nor outputs") {
  const std::string header = R"({"w":{"dtype":"F32","shape":[4,6],"data_offsets":[0,96]}})";
  std::string text(8, '\0');
  text[0] = static_cast<char>(header.size());
  const Model model = open_text(text + header + float_bytes(24));
  CHECK(taps_of(model).empty());
  CHECK(given_values(model, {"y", "w"}).empty());
  CHECK_THROWS_AS(tapped_skeleton(model, {"y"}), base::Error);
}

}  // namespace
}  // namespace tt::model::test
