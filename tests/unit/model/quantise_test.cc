// Layers that multiply with codes: which nodes there are, what they take, and how codes and scales lie in
// them.
#include "model/quantise.h"

#include <doctest/doctest.h>

#include "fold_support.h"
#include "model/skeleton_writer.h"

namespace tt::model::test {
namespace {

struct Result {
  QuantisedModel made;
  onnx::ModelProto proto;

  const onnx::NodeProto& node(int index) const { return proto.graph().node(index); }
  const QuantisedFate& fate() const {
    REQUIRE(made.fates.size() == 1);
    return made.fates[0];
  }
};

// Payloads are the byte that names them: 'A' + index of the weight, codes or scales.
Result quantise(const FoldGraphBuilder& b, const BlockShape& shape) {
  const Model model = open_proto(b.proto);
  std::vector<BlockShape> shapes;
  for (const Weight& weight : model.weights())
    shapes.push_back(weight.layout.shape.size() > 1 ? shape : BlockShape());
  Result result;
  result.made = quantised(model, shapes);
  std::vector<std::uint64_t> sizes;
  for (const Weight& weight : model.weights()) sizes.push_back(weight.place.length);
  for (const QuantisedLayer& layer : result.made.layers) {
    sizes.push_back(layer.codes.bytes);
    sizes.push_back(layer.scales.bytes);
  }
  const Skeleton& skeleton = result.made.skeleton;
  const Placement placement = place_pieces(skeleton.files, skeleton.literals.size(), sizes);
  std::string file(placement.file_sizes.at(0), '\0');
  for (const LiteralTarget& target : placement.literals)
    std::copy_n(skeleton.literals.data() + target.source, target.length, file.data() + target.offset);
  for (std::size_t i = 0; i < sizes.size(); ++i)
    for (const Target& target : placement.weights[i])
      file.replace(target.offset, sizes[i], sizes[i], static_cast<char>('A' + i));
  REQUIRE(result.proto.ParseFromString(file));
  return result;
}

std::int64_t int_of(const onnx::NodeProto& node, const std::string& name) {
  for (const onnx::AttributeProto& attribute : node.attribute())
    if (attribute.name() == name) return attribute.i();
  return -1;
}
using Names = std::vector<std::string>;
Names inputs(const onnx::NodeProto& node) {
  return {node.input().begin(), node.input().end()};
}
using Shape = std::vector<std::int64_t>;
Shape dims_of(const Result& result, const std::string& name) {
  const onnx::TensorProto* tensor = find_initializer(result.proto, name);
  REQUIRE(tensor != nullptr);
  return {tensor->dims().begin(), tensor->dims().end()};
}

QuantisedLayer layer_of(QuantisedOp op, BlockShape stored, std::uint64_t rows, std::uint64_t cols) {
  QuantisedLayer layer;
  layer.op = op, layer.stored = stored, layer.rows = rows, layer.cols = cols;
  layer.block = 16;
  return layer;
}

}  // namespace

TEST_CASE("a product by codes of 4 bits") {
  FoldGraphBuilder b;
  b.node("MatMul", {"x", b.weight("w", {100, 700})}, {"y"});
  const Result result = quantise(b, {4, 32, 0});
  CHECK(ops_of(result.proto) == Names{"MatMulNBits"});
  const onnx::NodeProto& node = result.node(0);
  CHECK(inputs(node) == Names{"x", "w_codes", "w_scales"});
  CHECK(node.domain() == "com.microsoft");
  CHECK(node.name() == "n.y");
  CHECK(node.output(0) == "y");
  CHECK(int_of(node, "K") == 100);
  CHECK(int_of(node, "N") == 700);
  CHECK(int_of(node, "bits") == 4);
  CHECK(int_of(node, "accuracy_level") == 1);
  const std::int64_t block = int_of(node, "block_size");
  CHECK(block == 32);
  CHECK(dims_of(result, "w_codes") == Shape{700, 4, 16});
  CHECK(dims_of(result, "w_scales") == Shape{700 * 4});
  CHECK(find_initializer(result.proto, "w") == nullptr);
  CHECK(find_initializer(result.proto, "w_codes")->raw_data() == std::string(700 * 4 * 16, 'B'));
  REQUIRE(result.proto.opset_import_size() == 2);
  CHECK(result.proto.opset_import(1).domain() == "com.microsoft");
  CHECK(result.fate().quantised);
  CHECK(result.fate().bytes_quantised == 700 * 4 * (16 + 4));
}

TEST_CASE("the domain is imported once") {
  FoldGraphBuilder b;
  onnx::OperatorSetIdProto* import = b.proto.add_opset_import();
  import->set_domain("com.microsoft");
  import->set_version(1);
  b.node("MatMul", {"x", b.weight("w", {640, 240})}, {"y"});
  CHECK(quantise(b, {4, 32, 0}).proto.opset_import_size() == b.proto.opset_import_size());
}

TEST_CASE("Gemm keeps its C in an Add") {
  FoldGraphBuilder b;
  b.node("Gemm", {"x", b.weight("w", {640, 320}), "c"}, {"y"});
  const Result result = quantise(b, {4, 16, 0});
  CHECK(ops_of(result.proto) == Names{"MatMulNBits", "Add"});
  CHECK(inputs(result.node(1)) == Names{result.node(0).output(0), "c"});
  CHECK(result.node(1).output(0) == "y");
}

TEST_CASE("one scale for all inputs is repeated in the blocks that take fewest bytes") {
  FoldGraphBuilder b;
  b.node("MatMul", {"x", b.weight("w", {784, 240})}, {"y"});
  const Result result = quantise(b, {4, 0, 0});
  CHECK(int_of(result.node(0), "block_size") ==
        64);  // 13 x (32 + 4) bytes an output, 128 would take 7 x (64 + 4)
}

TEST_CASE("a table of codes") {
  FoldGraphBuilder b;
  b.node("Gather", {b.weight("w", {50, 40}), "x"}, {"y"});
  const Result result = quantise(b, {8, 16, 1});
  CHECK(ops_of(result.proto) == Names{"GatherBlockQuantized"});
  CHECK(inputs(result.node(0)) == Names{"w_codes", "x", "w_scales"});
  CHECK(int_of(result.node(0), "quantize_axis") == 1);
  CHECK(dims_of(result, "w_codes") == Shape{50, 40});
  CHECK(dims_of(result, "w_scales") == Shape{50, 3});
}

TEST_CASE("constants in front of every other layer, which stays as it is") {
  FoldGraphBuilder b;
  b.node("Conv", {"x", b.weight("w", {32, 16, 3, 3})}, {"y"});
  const Result whole = quantise(b, {8, 0, 1});
  CHECK(ops_of(whole.proto) == Names{"Cast", "Mul", "Constant", "Reshape", "Conv"});
  CHECK(whole.node(3).output(0) == "w");
  CHECK(whole.node(4).SerializeAsString() == b.proto.graph().node(0).SerializeAsString());
  CHECK(dims_of(whole, "w_codes") == Shape{32, 144});
  CHECK(dims_of(whole, "w_scales") == Shape{32, 1});
  CHECK(whole.proto.opset_import_size() == 1);
  const Result groups = quantise(b, {8, 16, 1});
  CHECK(dims_of(groups, "w_codes") == Shape{32, 9, 16});
  CHECK(dims_of(groups, "w_scales") == Shape{32, 9, 1});
  const Result ragged = quantise(b, {8, 32, 1});
  CHECK(ops_of(ragged.proto) == Names{"Constant", "Gather", "Cast", "Mul", "Constant", "Reshape", "Conv"});
  CHECK(dims_of(ragged, "w_scales") == Shape{32, 5});
  const Result halves = quantise(b, {4, 16, 1});
  CHECK(dims_of(halves, "w_codes") == Shape{32, 9, 8});
  CHECK(halves.fate().op == "Mul");
}

TEST_CASE("names that the model has already are not taken again") {
  FoldGraphBuilder b;
  b.node("Relu", {"x"}, {"w_codes"});
  b.node("MatMul", {"w_codes", b.weight("w", {640, 240})}, {"y"});
  CHECK(inputs(quantise(b, {4, 32, 0}).node(1)) == Names{"w_codes", "w_codes_1", "w_scales"});
}

TEST_CASE("codes and scales lie as the operators take them") {
  // 3 outputs of 18 inputs: in x out, groups of 16, code i + o of input i and output o.
  const QuantisedLayer product = layer_of(QuantisedOp::product, {4, 16, 0}, 18, 3);
  std::vector<std::int8_t> codes;
  for (int i = 0; i < 18; ++i)
    for (int o = 0; o < 3; ++o) codes.push_back(static_cast<std::int8_t>((i + o) % 16 - 8));
  const base::Bytes packed = packed_codes(product, codes);
  REQUIRE(packed.size() == 3 * 2 * 8);
  for (unsigned o = 0; o < 3; ++o)
    for (unsigned i = 0; i < 32; ++i) {
      const unsigned byte = packed[o * 16 + i / 2], nibble = i % 2 == 0 ? byte & 15 : byte >> 4;
      CHECK(nibble == (i < 18 ? (i + o) % 16 : 8));
    }
  const std::vector<float> scales{1, 2, 3, 4, 5, 6};  // groups x outputs
  const base::Bytes turned = packed_scales(product, scales);
  REQUIRE(turned.size() == 24);
  const float expected[] = {1, 4, 2, 5, 3, 6};
  for (unsigned i = 0; i < 6; ++i) CHECK(base::load_le<float>(turned.data() + 4 * i) == expected[i]);

  // Halves of the rows in a byte: high 16 h + low + 8.
  const base::Bytes halves =
      packed_codes(layer_of(QuantisedOp::expanded, {4, 0, 1}, 2, 2), std::vector<std::int8_t>{-8, 7, 3, -1});
  CHECK(halves == base::Bytes{static_cast<std::uint8_t>(48), static_cast<std::uint8_t>(-16 + 15)});
}

TEST_CASE("what cannot be quantised says why") {
  const auto why = [](const FoldGraphBuilder& b, const BlockShape& shape) {
    const Result result = quantise(b, shape);
    CHECK_FALSE(result.fate().quantised);
    CHECK(result.made.layers.empty());
    return result.fate().why;
  };
  FoldGraphBuilder output;
  output.node("MatMul", {"x", output.weight("w", {64, 24})}, {"y"});
  output.graph().add_output()->set_name("w");
  CHECK(why(output, {4, 32, 0}) == "a subgraph or an output of the model uses it, too");
  FoldGraphBuilder unused;
  unused.node("Relu", {"x"}, {"y"});
  unused.weight("w", {64, 24});
  CHECK(why(unused, {4, 32, 0}) == "no node uses it");
  FoldGraphBuilder odd;
  odd.node("Conv", {"x", odd.weight("w", {5, 3, 7, 9})}, {"y"});
  CHECK(why(odd, {4, 0, 1}) == "it has an odd number of codes of 4 bits");
  FoldGraphBuilder annotated;
  annotated.node("MatMul", {"x", annotated.weight("w", {64, 24})}, {"y"});
  annotated.graph().add_quantization_annotation()->set_tensor_name("w");
  CHECK(why(annotated, {4, 32, 0}).starts_with("the model has training information"));
}

TEST_CASE("uses: products, tables and all else, along their inputs") {
  FoldGraphBuilder b;
  b.node("MatMul", {"x", b.weight("a", {640, 240})}, {"u"});
  b.node("Gemm", {"u", b.weight("b", {320, 240})}, {"v"});
  set_int(b.graph().mutable_node(1), "transB", 1);
  b.node("Gather", {b.weight("c", {50, 40}), "v"}, {"z"});
  b.node("MatMul", {b.weight("d", {64, 24}), "z"}, {"y"});
  const std::vector<QuantisedUse> uses = quantised_uses(open_proto(b.proto));
  REQUIRE(uses.size() == 4);
  CHECK(uses[0].op == QuantisedOp::product);
  CHECK(uses[0].axis == 0);
  CHECK(uses[1].op == QuantisedOp::product);
  CHECK(uses[1].axis == 1);
  CHECK(uses[2].op == QuantisedOp::table);
  CHECK(uses[2].axis == 1);
  CHECK(uses[3].op == QuantisedOp::expanded);
  FoldGraphBuilder small;
  small.node("MatMul", {"x", small.weight("w", {64, 24})}, {"y"});
  CHECK(quantised_uses(open_proto(small.proto))[0].op == QuantisedOp::expanded);
}

}  // namespace tt::model::test
