// Layers of two factors: which nodes there are, what they take, and what is left alone.
#include "model/factor.h"

#include <doctest/doctest.h>

#include "fold_support.h"
#include "model/factor_price.h"
#include "model/skeleton_writer.h"

namespace tt::model::test {
namespace {

using Ops = std::vector<std::string>;

struct Result {
  FactoredModel made;
  std::vector<std::string> files;
  onnx::ModelProto proto;

  const onnx::NodeProto& node(int index) const { return proto.graph().node(index); }
  const FactorFate& fate() const {
    REQUIRE(made.fates.size() == 1);
    return made.fates[0];
  }
};

// Payloads are the byte that names them: 'A' + index of the weight or factor.
std::vector<std::string> assemble_all(const Model& model, const FactoredModel& made) {
  std::vector<std::uint64_t> sizes;
  for (const Weight& weight : model.weights()) sizes.push_back(weight.place.length);
  for (const Factor& factor : made.factors) sizes.push_back(factor.bytes);
  const Placement placement = place_pieces(made.skeleton.files, made.skeleton.literals.size(), sizes);
  std::vector<std::string> files;
  for (const std::uint64_t size : placement.file_sizes) files.emplace_back(size, '\0');
  for (const LiteralTarget& target : placement.literals)
    std::copy_n(made.skeleton.literals.data() + target.source, target.length,
                files[target.file].data() + target.offset);
  for (std::size_t i = 0; i < sizes.size(); ++i)
    for (const Target& target : placement.weights[i])
      files[target.file].replace(target.offset, sizes[i], sizes[i], static_cast<char>('A' + i));
  return files;
}

// Every weight of two dimensions or more has factors of `rank`.
Result factor(const Model& model, std::uint64_t rank, const std::string& location = "") {
  std::vector<FactorShape> shapes;
  for (const Weight& weight : model.weights()) {
    const tensor::WeightLayout& layout = weight.layout;
    shapes.push_back({layout.rows, layout.cols, layout.shape.size() > 1 ? rank : 0});
  }
  Result result;
  result.made = factored(model, shapes, location);
  result.files = assemble_all(model, result.made);
  REQUIRE(result.proto.ParseFromString(result.files.at(0)));
  return result;
}
Result factor(const FoldGraphBuilder& b, std::uint64_t rank) {
  return factor(open_proto(b.proto), rank);
}
std::string reason(const FoldGraphBuilder& b, std::uint64_t rank = 1) {
  const Result result = factor(b, rank);
  CHECK_FALSE(result.fate().factored);
  CHECK(result.made.factors.empty());
  CHECK(result.proto.graph().node_size() == b.proto.graph().node_size());
  return result.fate().why;
}

std::vector<std::string> inputs(const onnx::NodeProto& node) {
  return {node.input().begin(), node.input().end()};
}
std::int64_t int_of(const onnx::NodeProto& node, const std::string& name) {
  for (const onnx::AttributeProto& attribute : node.attribute())
    if (attribute.name() == name) return attribute.i();
  return 0;
}
std::vector<std::int64_t> dims_of(const Result& result, const std::string& name) {
  const onnx::TensorProto* tensor = find_initializer(result.proto, name);
  REQUIRE(tensor != nullptr);
  return {tensor->dims().begin(), tensor->dims().end()};
}
using Names = std::vector<std::string>;
using Shape = std::vector<std::int64_t>;

TEST_CASE("a product becomes two") {
  FoldGraphBuilder b;
  b.node("MatMul", {"x", b.weight("w", {12, 20})}, {"y"});
  const Result result = factor(b, 3);
  CHECK(ops_of(result.proto) == Ops{"MatMul", "MatMul"});
  CHECK(inputs(result.node(0)) == Names{"x", "w_left"});
  CHECK(inputs(result.node(1)) == Names{"y_factor", "w_right"});
  CHECK(result.node(0).output(0) == "y_factor");
  CHECK(result.node(1).output(0) == "y");
  CHECK(result.node(0).name() == "n.y_factor");
  CHECK(result.node(1).name() == "n.y");
  CHECK(find_initializer(result.proto, "w") == nullptr);
  CHECK(dims_of(result, "w_left") == Shape{12, 3});
  CHECK(dims_of(result, "w_right") == Shape{3, 20});
  CHECK(find_initializer(result.proto, "w_left")->raw_data() == std::string(12 * 3 * 4, 'B'));
  CHECK(find_initializer(result.proto, "w_right")->raw_data() == std::string(3 * 20 * 4, 'C'));
  const FactorFate& fate = result.fate();
  CHECK(fate.factored);
  CHECK(fate.node == "n.y");
  CHECK(fate.op == "MatMul");
  CHECK(fate.rank == 3);
  CHECK(fate.macs_dense == 240);
  CHECK(fate.macs_factored == 96);
  CHECK(fate.bytes_dense == 960);
  CHECK(fate.bytes_factored == 384);
}

TEST_CASE("a weight on the left is multiplied from its right factor on") {
  FoldGraphBuilder b;
  b.node("MatMul", {b.weight("w", {12, 20}), "x"}, {"y"});
  const Result result = factor(b, 3);
  CHECK(inputs(result.node(0)) == Names{"w_right", "x"});
  CHECK(inputs(result.node(1)) == Names{"w_left", "y_factor"});
}

TEST_CASE("Gemm keeps alpha, beta and C in its second half") {
  for (const bool behind : {true, false})
    for (const bool transposed : {false, true})
      for (const bool x_transposed : {false, true}) {
        CAPTURE(behind);
        CAPTURE(transposed);
        CAPTURE(x_transposed);
        FoldGraphBuilder b;
        b.weight("w", {12, 20});
        onnx::NodeProto* node =
            behind ? b.node("Gemm", {"x", "w", "c"}, {"y"}) : b.node("Gemm", {"w", "x", "c"}, {"y"});
        const std::string own = behind ? "transB" : "transA", other = behind ? "transA" : "transB";
        set_float(node, "alpha", 0.5F);
        set_float(node, "beta", 2);
        set_int(node, own, transposed);
        set_int(node, other, x_transposed);
        const Result result = factor(b, 3);
        const bool left_first = behind != transposed;
        const std::string near = left_first ? "w_left" : "w_right", far = left_first ? "w_right" : "w_left";
        CHECK(ops_of(result.proto) == Ops{x_transposed ? "Gemm" : "MatMul", "Gemm"});
        CHECK(inputs(result.node(0)) == (behind ? Names{"x", near} : Names{near, "x"}));
        CHECK(inputs(result.node(1)) == (behind ? Names{"y_factor", far, "c"} : Names{far, "y_factor", "c"}));
        CHECK(int_of(result.node(0), own) == 0);
        CHECK(int_of(result.node(0), other) == x_transposed);
        CHECK(int_of(result.node(1), own) == transposed);
        CHECK(int_of(result.node(1), other) == 0);
        CHECK(result.node(1).attribute(0).f() == 0.5F);
        CHECK(result.node(1).attribute(1).f() == 2);
        CHECK(result.node(0).attribute_size() == (x_transposed ? 1 : 0));
        const Factor& first = result.made.factors[left_first ? 0 : 1];
        const Factor& second = result.made.factors[left_first ? 1 : 0];
        CHECK(first.transposed == transposed);
        CHECK_FALSE(second.transposed);
        const Shape stored = left_first ? Shape{12, 3} : Shape{3, 20};
        CHECK(dims_of(result, near) == (transposed ? Shape{stored[1], stored[0]} : stored));
        CHECK(dims_of(result, far) == (left_first ? Shape{3, 20} : Shape{12, 3}));
      }
}

TEST_CASE("a convolution becomes one of few outputs and one of a point") {
  FoldGraphBuilder b;
  onnx::NodeProto* node = b.node("Conv", {"x", b.weight("w", {20, 4, 3, 5}), b.weight("b", {20})}, {"y"});
  set_ints(node, "strides", {2, 1});
  set_ints(node, "pads", {0, 1, 2, 3});
  set_ints(node, "dilations", {1, 2});
  set_ints(node, "kernel_shape", {3, 5});
  set_int(node, "group", 1);
  const Result result = factor(b, 2);
  CHECK(ops_of(result.proto) == Ops{"Conv", "Conv"});
  CHECK(inputs(result.node(0)) == Names{"x", "w_right"});
  CHECK(inputs(result.node(1)) == Names{"y_factor", "w_left", "b"});
  CHECK(result.node(0).attribute_size() == 5);
  for (int i = 0; i < 5; ++i)
    CHECK(result.node(0).attribute(i).SerializeAsString() == node->attribute(i).SerializeAsString());
  REQUIRE(result.node(1).attribute_size() == 1);
  CHECK(result.node(1).attribute(0).ints_size() == 2);
  CHECK(result.node(1).attribute(0).ints(1) == 1);
  CHECK(dims_of(result, "w_right") == Shape{2, 4, 3, 5});
  CHECK(dims_of(result, "w_left") == Shape{20, 2, 1, 1});
  CHECK(result.fate().macs_dense == 1200);
  CHECK(result.fate().macs_factored == 2 * (20 + 60));
}

TEST_CASE("a table becomes a narrow one and a product") {
  FoldGraphBuilder b;
  set_int(b.node("Gather", {b.weight("w", {40, 6}), "x"}, {"y"}), "axis", 0);
  const Result result = factor(b, 2);
  CHECK(ops_of(result.proto) == Ops{"Gather", "MatMul"});
  CHECK(inputs(result.node(0)) == Names{"w_left", "x"});
  CHECK(inputs(result.node(1)) == Names{"y_factor", "w_right"});
  CHECK(result.node(1).output(0) == "y");
  CHECK(result.node(0).attribute_size() == 1);
  CHECK(result.node(1).attribute_size() == 0);
  CHECK(result.fate().macs_dense == 0);
  CHECK(result.fate().macs_factored == 12);
  CHECK(result.fate().bytes_dense == 960);
  CHECK(result.fate().bytes_factored == 2 * 46 * 4);
}

TEST_CASE("a layer stays dense where two would be more work") {
  FoldGraphBuilder b;
  b.node("MatMul", {"x", b.weight("w", {6, 12})}, {"y"});
  CHECK(reason(b, 4) == "its two layers would take 72 multiply-adds, one takes 72");
  CHECK(factor(b, 3).fate().factored);
  FoldGraphBuilder table;
  table.node("Gather", {table.weight("w", {6, 12}), "x"}, {"y"});
  CHECK(reason(table, 4) == "its factors have 72 elements, it has 72");
}

TEST_CASE("kernels count in blocks of channels, too") {
  CHECK(price_factors({64, 576, 48}, "Conv").empty());
  CHECK(price_factors({64, 576, 49}, "Conv") ==
        "its two layers would take 40960 multiply-adds in blocks of 16 channels, one takes 36864");
  CHECK(price_factors({64, 576, 58}, "Conv") ==
        "its two layers would take 37120 multiply-adds, one takes 36864");
  CHECK(price_factors({64, 576, 54}, "Gemm").empty());  // 15/16
  CHECK(price_factors({64, 576, 55}, "Gemm") ==
        "its two layers would take 35200 multiply-adds, one takes 36864, too little is saved");
  CHECK(price_factors({64, 576, 57}, "Gather").empty());
  CHECK(price_factors({16, 72, 1}, "Conv") ==
        "its two layers would take 1408 multiply-adds in blocks of 16 channels, one takes 1152");
  CHECK_THROWS_AS(price_factors({UINT64_MAX, 2, 1}, "MatMul"), base::Error);
}

TEST_CASE("the rest of the file stays byte for byte") {
  FoldGraphBuilder b;
  b.node("Relu", {"x"}, {"p"});
  b.node("MatMul", {"p", b.weight("w", {12, 20})}, {"q"});
  b.node("Add", {"q", b.weight("b", {20})}, {"y"});
  b.graph().add_input()->set_name("x");
  b.graph().add_input()->set_name("w");
  b.graph().add_value_info()->set_name("q");
  b.graph().add_value_info()->set_name("w");
  b.proto.set_producer_name("somebody");
  Result result = factor(b, 3);
  CHECK(result.made.dropped_inputs == Names{"w"});
  onnx::ModelProto expected = b.proto;
  CHECK(find_initializer(result.proto, "b")->raw_data() == std::string(80, 'B'));
  result.proto.mutable_graph()->mutable_node()->DeleteSubrange(1, 2);
  expected.mutable_graph()->mutable_node()->DeleteSubrange(1, 1);
  expected.mutable_graph()->mutable_input()->DeleteSubrange(1, 1);
  expected.mutable_graph()->mutable_value_info()->DeleteSubrange(1, 1);
  result.proto.mutable_graph()->clear_initializer();
  expected.mutable_graph()->clear_initializer();
  CHECK(result.proto.SerializeAsString() == expected.SerializeAsString());
}

TEST_CASE("without factors nothing changes") {
  FoldGraphBuilder b;
  b.node("MatMul", {"x", b.weight("w", {12, 20})}, {"y"});
  const Model model = open_proto(b.proto);
  const FactoredModel made = factored(model, std::vector<FactorShape>(1));
  CHECK(made.fates.empty());
  CHECK(assemble(model, made.skeleton) == source_files(model));
}

TEST_CASE("new names are free ones") {
  FoldGraphBuilder b;
  b.node("MatMul", {"x", b.weight("w", {12, 20})}, {"y"});
  b.node("Identity", {"y_factor"}, {"w_left"});
  b.node("Identity", {"n.y_factor"}, {"w_left_2"});
  const Result result = factor(b, 3);
  CHECK(inputs(result.node(0)) == Names{"x", "w_left_3"});
  CHECK(inputs(result.node(1)) == Names{"y_factor_2", "w_right"});
  CHECK(result.node(0).name() == "n.y_factor_2");
}

TEST_CASE("the weight of a Constant node") {
  FoldGraphBuilder b;
  b.constant("w", {12, 20});
  b.node("MatMul", {"x", "w"}, {"y"});
  const Result result = factor(b, 3);
  CHECK(ops_of(result.proto) == Ops{"MatMul", "MatMul"});
  CHECK(dims_of(result, "w_left") == Shape{12, 3});
}

TEST_CASE("before version 4 of the format factors are Constant nodes before their use") {
  FoldGraphBuilder b;
  b.proto.set_ir_version(3);
  b.node("MatMul", {"x", b.weight("w", {12, 20})}, {"y"});
  b.graph().add_input()->set_name("w");
  const Result result = factor(b, 3);
  CHECK(ops_of(result.proto) == Ops{"Constant", "Constant", "MatMul", "MatMul"});
  CHECK(result.proto.graph().input_size() == 0);
  CHECK(result.made.dropped_inputs.empty());
  CHECK(result.node(0).output(0) == "w_left");
  const onnx::TensorProto& left = result.node(0).attribute(0).t();
  CHECK(result.node(0).attribute(0).type() == onnx::AttributeProto::TENSOR);
  CHECK(left.name() == "w_left");
  CHECK(left.raw_data() == std::string(12 * 3 * 4, 'B'));
}

TEST_CASE("weights go to a data file where one is named") {
  TempFolder folder;
  folder.write("old.bin", float_bytes(64 * 16) + float_bytes(32 * 32));
  FoldGraphBuilder b;
  *b.graph().add_initializer() = external_tensor("w", {64, 16}, "old.bin", "0", "4096");
  *b.graph().add_initializer() = external_tensor("v", {32, 32}, "old.bin", "4096", "4096");
  b.weight("u", {40, 40});
  b.weight("small", {4, 5});
  b.node("MatMul", {"x", "w"}, {"p"});
  b.node("Mul", {"p", "v"}, {"q"});
  b.node("Mul", {"q", "u"}, {"r"});
  b.node("Mul", {"r", "small"}, {"y"});
  const Model model = open_proto(b.proto, folder.path());
  const Result result = factor(model, 8, "new.data");
  REQUIRE(result.files.size() == 2);
  CHECK(result.made.skeleton.files[1].location == "new.data");
  const onnx::TensorProto* right = find_initializer(result.proto, "w_right");
  CHECK(right->raw_data().size() == 8 * 16 * 4);  // below kExternalBytes
  CHECK(find_initializer(result.proto, "small")->raw_data().size() == 80);
  const std::vector<std::pair<std::string, char>> moved = {{"w_left", 'E'}, {"v", 'B'}, {"u", 'C'}};
  for (const auto& [name, byte] : moved) {
    CAPTURE(name);
    const onnx::TensorProto* tensor = find_initializer(result.proto, name);
    REQUIRE(tensor->external_data_size() == 3);
    CHECK(tensor->data_location() == onnx::TensorProto::EXTERNAL);
    CHECK(tensor->external_data(0).value() == "new.data");
    const std::size_t offset = std::stoul(tensor->external_data(1).value());
    const std::size_t length = std::stoul(tensor->external_data(2).value());
    CHECK(offset % kExternalAlignment == 0);
    CHECK(result.files[1].substr(offset, length) == std::string(length, byte));
  }
  // In one file instead, data files are read in.
  const Result inside = factor(model, 8);
  REQUIRE(inside.files.size() == 1);
  CHECK(find_initializer(inside.proto, "v")->raw_data() == std::string(4096, 'B'));
  CHECK(find_initializer(inside.proto, "v")->external_data_size() == 0);
}

TEST_CASE("what stays dense says why") {
  FoldGraphBuilder twice;
  twice.weight("w", {12, 12});
  twice.node("MatMul", {"x", "w"}, {"p"});
  twice.node("MatMul", {"p", "w"}, {"y"});
  CHECK(reason(twice) == "2 nodes use it");

  FoldGraphBuilder unused;
  unused.weight("w", {12, 12});
  unused.node("Relu", {"x"}, {"y"});
  CHECK(reason(unused) == "no node uses it");

  FoldGraphBuilder output;
  output.node("MatMul", {"x", output.weight("w", {12, 12})}, {"y"});
  output.graph().add_output()->set_name("w");
  CHECK(reason(output) == "a subgraph or an output of the model uses it, too");

  FoldGraphBuilder inside;
  onnx::AttributeProto* body = inside.node("If", {"x"}, {"y"})->add_attribute();
  body->set_name("then_branch");
  body->set_type(onnx::AttributeProto::GRAPH);
  *body->mutable_g()->add_initializer() = raw_tensor("w", {12, 12});
  add_node(*body->mutable_g(), "MatMul", {"x", "w"}, {"z"});
  CHECK(reason(inside) == "it lies inside a subgraph or function");

  FoldGraphBuilder groups;
  set_int(groups.node("Conv", {"x", groups.weight("w", {8, 4, 3, 3})}, {"y"}), "group", 2);
  CHECK(reason(groups) == "its convolution has 2 groups");

  FoldGraphBuilder transposed;
  transposed.node("ConvTranspose", {"x", transposed.weight("w", {8, 4, 3, 3})}, {"y"});
  CHECK(reason(transposed) == "it goes into 'ConvTranspose', which is not factored");

  FoldGraphBuilder fused;
  fused.node("MatMul", {"x", fused.weight("w", {12, 12})}, {"y"})->set_domain("com.microsoft");
  CHECK(reason(fused) == "it goes into 'MatMul', which is not factored");

  FoldGraphBuilder batch;
  batch.node("MatMul", {"x", batch.weight("w", {2, 12, 12})}, {"y"});
  CHECK(reason(batch) == "it has 3 dimensions");

  FoldGraphBuilder added;
  added.node("Gemm", {"x", "v", added.weight("w", {12, 12})}, {"y"});
  CHECK(reason(added) == "it is added, not multiplied");

  FoldGraphBuilder columns;
  set_int(columns.node("Gather", {columns.weight("w", {12, 12}), "x"}, {"y"}), "axis", 1);
  CHECK(reason(columns) == "its Gather takes columns of it");

  FoldGraphBuilder indices;
  indices.node("Gather", {"x", indices.weight("w", {12, 12})}, {"y"});
  CHECK(reason(indices) == "it is not the table of its Gather");

  FoldGraphBuilder old;
  old.proto.mutable_opset_import(0)->set_version(10);
  set_int(old.node("Gemm", {"x", old.weight("w", {12, 12}), "c"}, {"y"}), "transA", 1);
  CHECK(reason(old) == "a Gemm with a transposed input needs opset 11 to be split");
  old.proto.mutable_opset_import(0)->set_version(6);
  CHECK(reason(old).ends_with("operators before opset 7"));

  FoldGraphBuilder kernel;
  kernel.node("Conv", {kernel.weight("w", {8, 4, 3, 3}), "x"}, {"y"});
  CHECK(reason(kernel) == "it is not the kernel of its convolution");
}

TEST_CASE("only one weight of a node") {
  FoldGraphBuilder b;
  b.node("MatMul", {b.weight("w", {12, 12}), b.weight("v", {12, 12})}, {"y"});
  const Result result = factor(b, 2);
  REQUIRE(result.made.fates.size() == 2);
  CHECK(result.made.fates[0].factored);
  CHECK(result.made.fates[1].why == "its node is factored along its other weight");
  CHECK(inputs(result.node(0)) == Names{"w_right", "v"});
}

TEST_CASE("a matrix view other than the layer's") {
  FoldGraphBuilder b;
  b.node("MatMul", {"x", b.weight("w", {12, 20})}, {"y"});
  const FactoredModel made = factored(open_proto(b.proto), {{24, 10, 2}});
  REQUIRE(made.fates.size() == 1);
  CHECK(made.fates[0].why == "it is stored as a matrix of 24x10");
}

TEST_CASE("payloads that several tensors share stay") {
  TempFolder folder;
  folder.write("data", float_bytes(144));
  FoldGraphBuilder b;
  for (const char* name : {"w", "v"}) {
    *b.graph().add_initializer() = external_tensor(name, {12, 12}, "data", "0", "576");
  }
  b.node("MatMul", {"x", "w"}, {"p"});
  b.node("MatMul", {"p", "v"}, {"y"});
  const Result result = factor(open_proto(b.proto, folder.path()), 2);
  CHECK(result.fate().why == "several tensors share its values");
}

TEST_CASE("bfloat16 tables stay, as no runtime would multiply them") {
  FoldGraphBuilder b;
  onnx::TensorProto* tensor = b.graph().add_initializer();
  *tensor = raw_tensor("w", {40, 6});
  tensor->set_data_type(onnx::TensorProto::BFLOAT16);
  tensor->mutable_raw_data()->resize(480);
  b.node("Gather", {"w", "x"}, {"y"});
  CHECK(reason(b) == "its Gather would need a product of bfloat16, which runtimes lack");
}

}  // namespace
}  // namespace tt::model::test
