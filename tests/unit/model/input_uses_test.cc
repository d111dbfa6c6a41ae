#include "model/input_uses.h"

#include <doctest/doctest.h>

#include "support.h"

namespace tt::model::test {
namespace {

using Names = std::initializer_list<std::string>;

void declare(onnx::ModelProto& proto, Names inputs) {
  for (const std::string& name : inputs) proto.mutable_graph()->add_input()->set_name(name);
}

TEST_CASE("a table is found behind nodes that keep the ids") {
  onnx::ModelProto proto = empty_model();
  declare(proto, {"ids", "mask"});
  *proto.mutable_graph()->add_initializer() = raw_tensor("table", {40, 4});
  add_node(*proto.mutable_graph(), "Cast", {"ids"}, {"wide"});
  add_node(*proto.mutable_graph(), "Gather", {"table", "wide"}, {"rows"});
  proto.mutable_graph()->add_output()->set_name("rows");
  const std::vector<InputUse> uses = input_uses(open_proto(proto));
  REQUIRE(uses.size() == 1);
  CHECK(uses[0].input == "ids");
  CHECK(uses[0].table == 0);
  CHECK_FALSE(uses[0].kernel.has_value());
}

TEST_CASE("ids that are computed are no input's") {
  onnx::ModelProto proto = empty_model();
  declare(proto, {"ids"});
  *proto.mutable_graph()->add_initializer() = raw_tensor("table", {40, 4});
  add_node(*proto.mutable_graph(), "ArgMax", {"ids"}, {"best"});
  add_node(*proto.mutable_graph(), "Gather", {"table", "best"}, {"rows"});
  proto.mutable_graph()->add_output()->set_name("rows");
  CHECK(input_uses(open_proto(proto)).empty());
}

TEST_CASE("the first kernel of a picture is found behind its preparation, with its bias") {
  onnx::ModelProto proto = empty_model();
  declare(proto, {"picture"});
  onnx::GraphProto& graph = *proto.mutable_graph();
  *graph.add_initializer() = raw_tensor("mean", {1, 3, 1, 1});
  *graph.add_initializer() = raw_tensor("kernel", {16, 3, 3, 3});
  *graph.add_initializer() = raw_tensor("bias", {16});
  *graph.add_initializer() = raw_tensor("second", {4, 16, 1, 1});
  add_node(graph, "Sub", {"picture", "mean"}, {"centred"});
  add_node(graph, "Conv", {"centred", "kernel", "bias"}, {"features"});
  add_node(graph, "Conv", {"features", "second"}, {"out"});
  graph.add_output()->set_name("out");
  const Model model = open_proto(proto);
  const std::vector<InputUse> uses = input_uses(model);
  REQUIRE(uses.size() == 1);
  CHECK(uses[0].input == "picture");
  CHECK(model.weights()[uses[0].kernel.value()].name == "kernel");
  CHECK(model.weights()[uses[0].bias.value()].name == "bias");
}

TEST_CASE("matrices look at no picture") {
  onnx::ModelProto proto = empty_model();
  declare(proto, {"x"});
  *proto.mutable_graph()->add_initializer() = raw_tensor("w", {4, 6});
  add_node(*proto.mutable_graph(), "MatMul", {"x", "w"}, {"y"});
  proto.mutable_graph()->add_output()->set_name("y");
  CHECK(input_uses(open_proto(proto)).empty());
}

}  // namespace
}  // namespace tt::model::test
