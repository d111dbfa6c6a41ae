#include "model/fold.h"

#include <doctest/doctest.h>

#include "fold_support.h"

namespace tt::model::test {
namespace {

using Ops = std::vector<std::string>;

// Element i is 0.5 + i before.
void check_scaled(const std::vector<float>& values, std::size_t (*channel)(std::size_t)) {
  for (std::size_t i = 0; i < values.size(); ++i)
    CHECK(values[i] == static_cast<float>((0.5 + static_cast<double>(i)) * norm_scale(channel(i))));
}

TEST_CASE("a convolution takes in the BatchNormalization behind it") {
  FoldGraphBuilder b;
  b.node("Conv", {"x", b.weight("w", {3, 2, 2, 2}), b.weight("c", {3})}, {"p"});
  b.norm("p", "y", 3);
  const onnx::ModelProto made = b.fold();
  CHECK(ops_of(made) == Ops{"Conv"});
  CHECK(made.graph().node(0).name() == "n.p");
  CHECK(made.graph().node(0).output(0) == "y");
  CHECK(made.graph().initializer_size() == 2);
  check_scaled(values_of(made, "w"), [](std::size_t i) { return i / 8; });
  const std::vector<float> bias = values_of(made, "c");
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(bias[i] == static_cast<float>((0.5 + static_cast<double>(i)) * norm_scale(i) + norm_shift(i)));
  CHECK(b.report.batch_normalizations == 1);
  REQUIRE(b.report.weights.size() == 1);  // the bias is too small for a weight
  CHECK(b.report.weights[0].weight == "w");
  CHECK(b.report.weights[0].original == "w");
  CHECK(b.report.weights[0].output_scale.size() == 3);
  CHECK(b.report.weights[0].output_scale[2] == doctest::Approx(norm_scale(2)).epsilon(1e-15));
  CHECK(b.report.weights[0].input_scale.empty());
}

TEST_CASE("everything else in the file stays") {
  FoldGraphBuilder b;
  b.node("Conv", {"x", b.weight("w", {3, 2, 2, 2}), b.weight("c", {3})}, {"p"});
  b.norm("p", "q", 3);
  b.node("Relu", {"q"}, {"y"});
  b.graph().add_input()->set_name("x");
  b.graph().add_value_info()->set_name("p");
  b.graph().add_value_info()->set_name("q");
  b.proto.set_producer_name("somebody");
  auto* entry = b.proto.add_metadata_props();
  entry->set_key("k");
  entry->set_value("v");
  onnx::ModelProto made = b.fold();
  onnx::ModelProto expected = b.proto;
  expected.mutable_graph()->mutable_node()->DeleteSubrange(1, 1);
  expected.mutable_graph()->mutable_node(0)->set_output(0, "q");
  expected.mutable_graph()->mutable_value_info()->DeleteSubrange(0, 1);
  made.mutable_graph()->clear_initializer();
  expected.mutable_graph()->clear_initializer();
  CHECK(made.SerializeAsString() == expected.SerializeAsString());
}

TEST_CASE("a layer without a bias gets one under the name of the normalisation's") {
  FoldGraphBuilder b;
  SUBCASE("Conv") {
    b.node("Conv", {"x", b.weight("w", {4, 2, 1, 1})}, {"p"});
  }
  SUBCASE("Conv with an empty name") {
    b.node("Conv", {"x", b.weight("w", {4, 2, 1, 1}), ""}, {"p"});
  }
  SUBCASE("Gemm") {
    b.node("Gemm", {"x", b.weight("w", {2, 4})}, {"p"});
  }
  b.norm("p", "y", 4);
  const onnx::ModelProto made = b.fold();
  REQUIRE(made.graph().node(0).input_size() == 3);
  CHECK(made.graph().node(0).input(2) == "bn.b");
  CHECK(made.graph().initializer_size() == 2);
  const std::vector<float> bias = values_of(made, "bn.b");
  for (std::size_t i = 0; i < 4; ++i) CHECK(bias[i] == static_cast<float>(norm_shift(i)));
}

TEST_CASE("channels are found in every layout of a weight") {
  FoldGraphBuilder b;
  SUBCASE("depthwise") {
    set_int(b.node("Conv", {"x", b.weight("w", {4, 1, 3, 3})}, {"p"}), "group", 4);
    b.norm("p", "y", 4);
    check_scaled(values_of(b.fold(), "w"), [](std::size_t i) { return i / 9; });
  }
  SUBCASE("ConvTranspose") {
    b.node("ConvTranspose", {"x", b.weight("w", {2, 4, 2, 2})}, {"p"});
    b.norm("p", "y", 4);
    check_scaled(values_of(b.fold(), "w"), [](std::size_t i) { return i / 4 % 4; });
  }
  SUBCASE("ConvTranspose in groups") {
    set_int(b.node("ConvTranspose", {"x", b.weight("w", {6, 2, 2})}, {"p"}), "group", 3);
    b.norm("p", "y", 6);
    check_scaled(values_of(b.fold(), "w"), [](std::size_t i) { return i / 8 * 2 + i / 2 % 2; });
  }
  SUBCASE("Gemm") {
    b.node("Gemm", {"x", b.weight("w", {4, 5})}, {"p"});
    b.norm("p", "y", 5);
    check_scaled(values_of(b.fold(), "w"), [](std::size_t i) { return i % 5; });
  }
  SUBCASE("Gemm, transposed") {
    set_int(b.node("Gemm", {"x", b.weight("w", {5, 4})}, {"p"}), "transB", 1);
    b.norm("p", "y", 5);
    check_scaled(values_of(b.fold(), "w"), [](std::size_t i) { return i / 4; });
  }
}

TEST_CASE("Gemm's factor of its bias counts") {
  FoldGraphBuilder b;
  auto* gemm = b.node("Gemm", {"x", b.weight("w", {4, 3}), b.weight("c", {1, 3})}, {"p"});
  set_float(gemm, "beta", 0.25F);
  set_float(gemm, "alpha", 3);
  b.norm("p", "y", 3);
  const onnx::ModelProto made = b.fold();
  check_scaled(values_of(made, "w"), [](std::size_t i) { return i % 3; });
  const std::vector<float> bias = values_of(made, "c");
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(bias[i] ==
          static_cast<float>((0.5 + static_cast<double>(i)) * norm_scale(i) + norm_shift(i) / 0.25));
}

TEST_CASE("a bias that is added behind the layer is folded too") {
  FoldGraphBuilder b;
  b.node("Flatten", {"x"}, {"f"});
  b.node("MatMul", {"f", b.weight("w", {4, 3})}, {"p"});
  b.node("Add", {b.weight("c", {3}), "p"}, {"q"});
  b.norm("q", "y", 3);
  const onnx::ModelProto made = b.fold();
  CHECK(ops_of(made) == Ops{"Flatten", "MatMul", "Add"});
  CHECK(made.graph().node(2).output(0) == "y");
  const std::vector<float> bias = values_of(made, "c");
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(bias[i] == static_cast<float>((0.5 + static_cast<double>(i)) * norm_scale(i) + norm_shift(i)));
}

TEST_CASE("behind a product without a bias the normalisation becomes an Add") {
  FoldGraphBuilder b;
  b.node("Flatten", {"x"}, {"f"});
  b.node("MatMul", {"f", b.weight("w", {4, 3})}, {"p"});
  b.norm("p", "y", 3);
  const onnx::ModelProto made = b.fold();
  CHECK(ops_of(made) == Ops{"Flatten", "MatMul", "Add"});
  CHECK(made.graph().node(2).input(0) == "p");
  CHECK(made.graph().node(2).input(1) == "bn.b");
  CHECK(made.graph().node(2).attribute_size() == 0);
  CHECK(made.graph().initializer_size() == 2);
}

TEST_CASE("a layer takes in the BatchNormalization before it") {
  FoldGraphBuilder b;
  b.norm("x", "p", 2);
  SUBCASE("Conv") {
    b.node("Conv", {"p", b.weight("w", {3, 2, 2, 2}), b.weight("c", {3})}, {"y"});
  }
  SUBCASE("Gemm") {
    auto* gemm = b.node("Gemm", {"p", b.weight("w", {3, 2}), b.weight("c", {3})}, {"y"});
    set_int(gemm, "transB", 1);
  }
  const onnx::ModelProto made = b.fold();
  REQUIRE(made.graph().node_size() == 1);
  CHECK(made.graph().node(0).input(0) == "x");
  const std::vector<float> weight = values_of(made, "w"), bias = values_of(made, "c");
  const std::size_t inner = weight.size() / 6;
  std::vector<double> sums = {0.5, 1.5, 2.5};
  for (std::size_t i = 0; i < weight.size(); ++i) {
    const double before = 0.5 + static_cast<double>(i);
    const std::size_t channel = i / inner % 2;
    CHECK(weight[i] == static_cast<float>(before * norm_scale(channel)));
    sums[i / inner / 2] += before * norm_shift(channel);
  }
  for (std::size_t i = 0; i < 3; ++i) CHECK(bias[i] == doctest::Approx(sums[i]).epsilon(1e-6));
}

TEST_CASE("the report says how the input of a layer changed") {
  FoldGraphBuilder b;
  b.norm("x", "p", 2, "first");
  b.norm("p", "q", 2, "second");
  b.node("Conv", {"q", b.weight("w", {8, 2, 1, 1})}, {"y"});
  const onnx::ModelProto made = b.fold();
  CHECK(ops_of(made) == Ops{"BatchNormalization", "Conv"});  // one pass: the first has no layer beside it
  REQUIRE(b.report.weights.size() == 1);
  const FoldedWeight& weight = b.report.weights[0];
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(weight.input_scale[i] == doctest::Approx(norm_scale(i)).epsilon(1e-15));
    CHECK(weight.input_shift[i] == doctest::Approx(norm_shift(i)).epsilon(1e-14));
  }
  CHECK(weight.output_scale.empty());
  CHECK(b.report.left.at("no layer beside it") == 1);
}

TEST_CASE("padding is no obstacle where nothing is shifted") {
  FoldGraphBuilder b;
  b.norm("x", "p", 2);
  auto* conv = b.node("Conv", {"p", b.weight("w", {4, 2, 3, 3})}, {"y"});
  set_ints(conv, "pads", {1, 1, 1, 1});
  SUBCASE("shifted") {
    CHECK(b.refusal() == "no layer beside it");
  }
  SUBCASE("not shifted") {
    for (int i = 0; i < 4; ++i)
      if (b.graph().initializer(i).name() == "bn.b" || b.graph().initializer(i).name() == "bn.mean")
        b.graph().mutable_initializer(i)->set_raw_data(std::string(8, '\0'));
    CHECK(b.fold().graph().node_size() == 1);
  }
}

TEST_CASE("normalisations before and behind one layer") {
  FoldGraphBuilder b;
  b.norm("x", "p", 2, "before");
  b.node("Conv", {"p", b.weight("w", {8, 2, 1, 1})}, {"q"});
  b.norm("q", "y", 8, "behind");
  const onnx::ModelProto made = b.fold();
  CHECK(ops_of(made) == Ops{"Conv"});
  CHECK(b.report.batch_normalizations == 2);
  REQUIRE(b.report.weights.size() == 1);
  CHECK(b.report.weights[0].input_scale.size() == 2);
  CHECK(b.report.weights[0].output_scale.size() == 8);
  CHECK(made.graph().initializer_size() == 2);
}

TEST_CASE("weights in Constant nodes stay in Constant nodes") {
  FoldGraphBuilder b;
  b.constant("w", {4, 2, 2, 2});
  b.node("Conv", {"x", "w"}, {"p"});
  b.norm("p", "y", 4);
  const onnx::ModelProto made = b.fold();
  CHECK(ops_of(made) == Ops{"Constant", "Conv"});
  check_scaled(values_of(made, "w"), [](std::size_t i) { return i / 8; });
  CHECK(b.report.weights.at(0).weight == "w");
}

TEST_CASE("external data is shared, the folded weight moves inside") {
  TempFolder folder;
  folder.write("data", float_bytes(48));
  FoldGraphBuilder b;
  *b.graph().add_initializer() = external_tensor("w", {3, 2, 2, 2}, "data", "0", "96");
  *b.graph().add_initializer() = external_tensor("v", {4, 3, 2}, "data", "96", "96");
  b.node("Conv", {"x", "w"}, {"p"});
  b.norm("p", "q", 3);
  b.node("MatMul", {"q", "v"}, {"y"});
  const Model model = open_proto(b.proto, folder.path());
  FoldReport report;
  const std::optional<Model> made = folded(model, report);
  REQUIRE(made.has_value());
  CHECK(made->files().size() == 2);
  CHECK(find_weight(*made, "w").place.file == 0);
  CHECK(find_weight(*made, "v").place.file == 1);
  CHECK(made->read(find_weight(*made, "v")).payload == model.read(find_weight(model, "v")).payload);
}

TEST_CASE("in old files, declarations of initializers as inputs follow") {
  FoldGraphBuilder b;
  b.node("Conv", {"x", b.weight("w", {4, 2, 1, 1})}, {"p"});
  b.norm("p", "y", 4);
  for (const char* name : {"x", "w", "bn.scale", "bn.b", "bn.mean", "bn.var"})
    b.graph().add_input()->set_name(name);
  std::vector<std::string> inputs;
  SUBCASE("initializers must be inputs") {
    b.proto.set_ir_version(3);
    const onnx::ModelProto made = b.fold();
    for (const auto& input : made.graph().input()) inputs.push_back(input.name());
    CHECK(inputs == std::vector<std::string>{"x", "w", "bn.b"});
    CHECK(b.report.dropped_inputs.empty());
  }
  SUBCASE("initializers that are inputs are defaults") {
    const onnx::ModelProto made = b.fold();
    for (const auto& input : made.graph().input()) inputs.push_back(input.name());
    CHECK(inputs == std::vector<std::string>{"x"});
    CHECK(b.report.dropped_inputs.size() == 5);
  }
}

TEST_CASE("an output of the model may be what the normalisation gave, not what it took") {
  FoldGraphBuilder b;
  b.node("Conv", {"x", b.weight("w", {4, 2, 1, 1})}, {"p"});
  b.norm("p", "y", 4);
  SUBCASE("gave") {
    CHECK(b.fold().graph().node_size() == 1);
  }
  SUBCASE("took") {
    b.graph().add_output()->set_name("p");
    CHECK(b.refusal() == "the layer's output is used elsewhere");
  }
}

// Every reason to leave a normalisation alone, one changed detail each.
TEST_CASE("what cannot be folded is left alone, and says why") {
  FoldGraphBuilder b;
  auto* conv = b.node("Conv", {"x", b.weight("w", {4, 2, 1, 1}), b.weight("c", {4})}, {"p"});
  auto* norm = b.norm("p", "y", 4);
  const auto initializer = [&](const std::string& name) {
    for (int i = 0; i < b.graph().initializer_size(); ++i)
      if (b.graph().initializer(i).name() == name) return b.graph().mutable_initializer(i);
    FAIL("no initializer");
    return b.graph().mutable_initializer(0);
  };
  std::string expected;
  FoldOptions options;
  SUBCASE("another node uses the layer's output") {
    b.node("Relu", {"p"}, {"z"});
    expected = "the layer's output is used elsewhere";
  }
  SUBCASE("a subgraph uses the layer's output") {
    auto* attribute = b.node("If", {"condition"}, {"z"})->add_attribute();
    attribute->set_name("then_branch");
    attribute->set_type(onnx::AttributeProto::GRAPH);
    add_node(*attribute->mutable_g(), "Relu", {"p"}, {"inner"});
    expected = "the layer's output is used elsewhere";
  }
  SUBCASE("the weight is used twice") {
    b.node("Conv", {"x", "w"}, {"z"});
    expected = "the layer's weight is shared or kept";
  }
  SUBCASE("the weight is an output") {
    b.graph().add_output()->set_name("w");
    expected = "the layer's weight is shared or kept";
  }
  SUBCASE("the weight is to be kept") {
    options.keep = [](const Weight& weight) { return weight.name == "w"; };
    *initializer("w") = raw_tensor("w", {4, 4, 1, 1});
    expected = "the layer's weight is shared or kept";
  }
  SUBCASE("a parameter is to be kept") {
    options.keep = [](const Weight& weight) { return weight.name == "bn.mean"; };
    for (const char* name : {"bn.scale", "bn.b", "bn.mean", "bn.var"})
      *initializer(name) = raw_tensor(name, {16});
    *initializer("w") = raw_tensor("w", {16, 2, 1, 1});
    *initializer("c") = raw_tensor("c", {16});
    expected = "its parameters are shared or kept";
  }
  SUBCASE("the bias is used twice") {
    b.node("Relu", {"c"}, {"z"});
    expected = "the layer's bias is shared or kept";
  }
  SUBCASE("the weight is no constant") {
    conv->set_input(1, "given");
    expected = "the layer's weight is no constant";
  }
  SUBCASE("the bias is no constant") {
    conv->set_input(2, "given");
    expected = "the layer's bias is no constant";
  }
  SUBCASE("a parameter is no constant") {
    norm->set_input(3, "given");
    expected = "its parameters are no constants";
  }
  SUBCASE("training mode") {
    set_int(norm, "training_mode", 1);
    expected = "training mode";
  }
  SUBCASE("further outputs") {
    norm->add_output("mean");
    expected = "training mode";
  }
  SUBCASE("an unknown attribute") {
    set_int(norm, "news", 1);
    expected = "unknown form";
  }
  SUBCASE("an unknown attribute of the layer") {
    set_int(conv, "news", 1);
    expected = "the layer has an unknown form";
  }
  SUBCASE("another number of channels") {
    for (const char* name : {"bn.scale", "bn.b", "bn.mean", "bn.var"})
      *initializer(name) = raw_tensor(name, {3});
    expected = "unknown form";
  }
  SUBCASE("another layer") {
    conv->set_op_type("Relu");
    expected = "no layer beside it";
  }
  SUBCASE("a layer of another domain") {
    conv->set_domain("else.where");
    expected = "no layer beside it";
  }
  SUBCASE("a variance below zero") {
    *initializer("bn.var") = raw_tensor("bn.var", {4}, -7);
    expected = "its values are not finite";
  }
  SUBCASE("results beyond the type") {
    *initializer("w") = raw_tensor("w", {4, 2, 1, 1}, 3e38F);
    expected = "its values are not finite";
  }
  SUBCASE("a type that is too coarse") {
    for (const char* name : {"w", "c"}) {
      onnx::TensorProto* tensor = initializer(name);
      tensor->set_data_type(onnx::TensorProto::BFLOAT16);
      std::string bits;
      for (std::size_t i = 0; i < tensor->raw_data().size() / 4; ++i) bits += std::string("\x31\x3f", 2);
      tensor->set_raw_data(bits);
    }
    expected = "the weight's type is too coarse";
  }
  SUBCASE("operators before opset 7") {
    b.proto.mutable_opset_import(0)->set_version(6);
  }
  SUBCASE("quantization annotations") {
    b.graph().add_quantization_annotation()->set_tensor_name("w");
  }
  SUBCASE("a declaration that is malformed") {
    // TypeProto {tensor_type: a group's end}
    b.graph().add_value_info()->set_name("named");
    b.graph().mutable_value_info(0)->mutable_type()->mutable_tensor_type()->set_elem_type(1);
    std::string text = b.proto.SerializeAsString();
    const std::string type("\x12\x04\x0a\x02\x08\x01", 6);
    const std::size_t at = text.find(type);
    REQUIRE(at != std::string::npos);
    text[at + 4] = '\x0b';
    FoldReport report;
    CHECK_FALSE(folded(open_text(text), report).has_value());
    return;
  }
  SUBCASE("training information") {
    b.proto.add_training_info();
  }
  CHECK(b.refusal(options) == expected);
}

TEST_CASE("a product of unknown rank may have its channels elsewhere") {
  FoldGraphBuilder b;
  b.node("MatMul", {"x", b.weight("w", {4, 3})}, {"p"});
  b.norm("p", "y", 3);
  auto* x = b.graph().add_input();
  x->set_name("x");
  auto* shape = x->mutable_type()->mutable_tensor_type()->mutable_shape();
  for (int i = 0; i < 2; ++i) shape->add_dim()->set_dim_param("n");
  SUBCASE("two dimensions") {
    CHECK(b.fold().graph().node_size() == 2);
  }
  SUBCASE("three dimensions") {
    shape->add_dim()->set_dim_value(3);
    CHECK(b.refusal() == "the layer's output is not known to be a matrix");
  }
  SUBCASE("unknown") {
    x->clear_type();
    CHECK(b.refusal() == "the layer's output is not known to be a matrix");
  }
}

TEST_CASE("biases of another form are left alone") {
  FoldGraphBuilder b;
  SUBCASE("Gemm with a scalar") {
    b.node("Gemm", {"x", b.weight("w", {4, 3}), b.weight("c", {1})}, {"p"});
    b.norm("p", "y", 3);
    CHECK(b.refusal() == "the layer's bias is not one number a channel");
  }
  SUBCASE("an Add along another axis") {
    b.node("Conv", {"x", b.weight("w", {3, 2, 1, 1})}, {"q"});
    b.node("Add", {"q", b.weight("c", {3})}, {"p"});
    b.norm("p", "y", 3);
    CHECK(b.refusal() == "the layer's bias is not one number a channel");
  }
  SUBCASE("an Add that is shared") {
    b.node("Conv", {"x", b.weight("w", {3, 2, 1, 1})}, {"q"});
    b.node("Add", {"q", b.weight("c", {3, 1, 1})}, {"p"});
    b.node("Relu", {"c"}, {"z"});
    b.norm("p", "y", 3);
    CHECK(b.refusal() == "the layer's bias is shared or kept");
  }
}

TEST_CASE("a scale of zero before a layer cannot be undone for its calibration") {
  FoldGraphBuilder b;
  b.norm("x", "p", 2);
  b.node("Conv", {"p", b.weight("w", {4, 2, 1, 1})}, {"y"});
  b.graph().mutable_initializer(0)->set_raw_data(std::string(8, '\0'));
  CHECK(b.refusal() == "no layer beside it");
}

TEST_CASE("one payload of two tensors is one weight and stays") {
  TempFolder folder;
  folder.write("data", float_bytes(24));
  FoldGraphBuilder b;
  *b.graph().add_initializer() = external_tensor("w", {3, 2, 2, 2}, "data", "0", "96");
  *b.graph().add_initializer() = external_tensor("v", {3, 2, 2, 2}, "data", "0", "96");
  b.node("Conv", {"x", "w"}, {"p"});
  b.norm("p", "q", 3);
  b.node("Conv", {"q", "v"}, {"y"});
  FoldReport report;
  CHECK_FALSE(folded(open_proto(b.proto, folder.path()), report).has_value());
  CHECK(report.left.at("the layer's weight is shared or kept") == 1);
}

TEST_CASE("a safetensors file has nothing to fold") {
  const std::string header = R"({"w":{"dtype":"F32","shape":[4,6],"data_offsets":[0,96]}})";
  std::string text(8, '\0');
  text[0] = static_cast<char>(header.size());
  FoldReport report;
  CHECK_FALSE(folded(open_text(text + header + float_bytes(24)), report).has_value());
}

}  // namespace
}  // namespace tt::model::test
