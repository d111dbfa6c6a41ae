#include <doctest/doctest.h>

#include "model/model.h"
#include "support.h"

namespace tt::model {
namespace {

using test::add_node;

// y = Softmax(x, axis) behind casts; z = Relu(x); c = a constant; x itself is an output, too.
Model model_with_outputs() {
  onnx::ModelProto proto = test::empty_model();
  onnx::GraphProto& graph = *proto.mutable_graph();
  graph.add_input()->set_name("x");
  auto* axis = add_node(graph, "Softmax", {"x"}, {"s"})->add_attribute();
  axis->set_name("axis");
  axis->set_type(onnx::AttributeProto::INT);
  axis->set_i(-1);
  add_node(graph, "Cast", {"s"}, {"t"});
  add_node(graph, "Identity", {"t"}, {"y"});
  add_node(graph, "Relu", {"x"}, {"z"});
  add_node(graph, "Identity", {"loop"}, {"loop"});
  for (const char* name : {"x", "y", "z", "loop", "unknown"}) graph.add_output()->set_name(name);
  return test::open_proto(proto);
}

TEST_CASE("the node that gives an output is seen through casts") {
  const Model model = model_with_outputs();
  REQUIRE(model.producer("y"));
  CHECK(model.producer("y")->op == "Softmax");
  CHECK(model.producer("y")->axis == -1);
  CHECK(model.producer("z")->op == "Relu");
  CHECK(model.producer("z")->axis == 0);
}

TEST_CASE("what no node gives has no producer") {
  const Model model = model_with_outputs();
  for (const char* name : {"x", "s", "loop", "unknown", ""}) CHECK_FALSE(model.producer(name));
}

}  // namespace
}  // namespace tt::model
