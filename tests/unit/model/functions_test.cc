// Roles of weights that reach their layers as arguments of model-local functions, and heads inside other
// graphs.
#include "model/functions.h"

#include <doctest/doctest.h>

#include <map>

#include "support.h"

namespace tt::model::test {
namespace {

using Roles = std::map<std::string, std::string>;
using Names = std::initializer_list<std::string>;

void append_node(google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes, const std::string& op,
                 Names inputs, const std::string& output, const std::string& domain = "") {
  auto* node = nodes.Add();
  node->set_op_type(op);
  node->set_domain(domain);
  for (const std::string& input : inputs) node->add_input(input);
  node->add_output(output);
}

// As torch.onnx.export(..., export_modules_as_functions=True) writes it: a function a module, weights in the
// main graph, functions that call functions.
class Builder {
 public:
  struct Function {
    onnx::FunctionProto* proto;
    Function& node(const std::string& op, Names inputs, const std::string& output) {
      append_node(*proto->mutable_node(), op, inputs, output);
      return *this;
    }
    Function& call(const std::string& name, Names inputs, const std::string& output) {
      append_node(*proto->mutable_node(), name, inputs, output, "modules");
      return *this;
    }
  };
  Function function(const std::string& name, Names inputs, const std::string& output) {
    auto* proto = model.add_functions();
    proto->set_name(name);
    proto->set_domain("modules");
    for (const std::string& input : inputs) proto->add_input(input);
    proto->add_output(output);
    return {proto};
  }
  // x W + b
  void linear() {
    function("Linear", {"x", "w", "b"}, "y")
        .node("MatMul", {"x", "w"}, "product")
        .node("Add", {"product", "b"}, "y");
  }
  std::string weight(const std::string& name, std::initializer_list<std::int64_t> dims) {
    *model.mutable_graph()->add_initializer() = raw_tensor(name, dims);
    return name;
  }
  void node(const std::string& op, Names inputs, const std::string& output, const std::string& domain = "") {
    append_node(*model.mutable_graph()->mutable_node(), op, inputs, output, domain);
  }
  // A call of Linear with the weights NAME and NAME.b; gives NAME.out.
  std::string dense(const std::string& x, const std::string& name) {
    node("Linear", {x, weight(name, {8, 8}), weight(name + ".b", {16})}, name + ".out", "modules");
    return name + ".out";
  }
  Roles roles(const std::string& output) {
    model.mutable_graph()->add_output()->set_name(output);
    const Model opened = open_proto(model);
    Roles result;
    for (const Weight& weight : opened.weights()) result[weight.name] = role_name(weight.role);
    return result;
  }
  onnx::ModelProto model = empty_model();
};

void attention(Builder::Function function) {
  function.node("Transpose", {"k"}, "k.t")
      .node("MatMul", {"q", "k.t"}, "scores")
      .node("Softmax", {"scores"}, "p")
      .node("MatMul", {"p", "v"}, "mixed");
}

TEST_CASE("calls of a function with one weight are the layers of their graph") {
  Builder b;
  b.linear();
  b.node("Transpose", {b.dense("x", "m2")}, "k.t");
  b.node("MatMul", {b.dense("x", "m1"), "k.t"}, "scores");
  b.node("Softmax", {"scores"}, "p");
  b.node("MatMul", {"p", b.dense("x", "m3")}, "mixed");
  b.node("Gelu", {b.dense(b.dense("mixed", "m4"), "m5")}, "active");
  CHECK(b.roles(b.dense(b.dense("active", "m6"), "m7")) == Roles{{"m1", "attention.q"},
                                                                 {"m2", "attention.k"},
                                                                 {"m3", "attention.v"},
                                                                 {"m4", "attention.out"},
                                                                 {"m5", "ffn.up"},
                                                                 {"m6", "ffn.down"},
                                                                 {"m7", "head"},
                                                                 {"m1.b", "bias"},
                                                                 {"m2.b", "bias"},
                                                                 {"m3.b", "bias"},
                                                                 {"m4.b", "bias"},
                                                                 {"m5.b", "bias"},
                                                                 {"m6.b", "bias"},
                                                                 {"m7.b", "bias"}});
}

TEST_CASE("a function of several layers gives its roles to the weights of every call") {
  Builder b;
  // Before the functions that it calls: their order in the file says nothing.
  auto block = b.function("Block", {"x", "wq", "wk", "wv", "wo", "b", "g"}, "y");
  block.call("Linear", {"x", "wq", "b"}, "q")
      .call("Linear", {"x", "wk", "b"}, "k")
      .call("Linear", {"x", "wv", "b"}, "v");
  attention(block);
  block.call("Linear", {"mixed", "wo", "b"}, "o").node("LayerNormalization", {"o", "g"}, "y");
  b.linear();
  std::string x = "x";
  Roles expected;
  for (const std::string layer : {"a.", "b."}) {
    b.node("Block",
           {x, b.weight(layer + "1", {8, 8}), b.weight(layer + "2", {8, 8}), b.weight(layer + "3", {8, 8}),
            b.weight(layer + "4", {8, 8}), b.weight(layer + "bias", {16}), b.weight(layer + "gamma", {16})},
           layer + "y", "modules");
    x = layer + "y";
    expected.merge(Roles{{layer + "1", "attention.q"},
                         {layer + "2", "attention.k"},
                         {layer + "3", "attention.v"},
                         {layer + "4", "attention.out"},
                         {layer + "bias", "bias"},
                         {layer + "gamma", "norm"}});
  }
  CHECK(b.roles(x) == expected);
}

TEST_CASE("a weight is used by the call, not by the nodes inside") {
  Builder b;
  b.linear();
  b.dense("x", "w");
  b.model.mutable_graph()->mutable_node(0)->set_name("call");
  const Model model = open_proto(b.model);
  CHECK(find_weight(model, "w").nodes == std::vector<std::string>{"call"});
  CHECK(find_weight(model, "w").op_types == std::vector<std::string>{"Linear"});
}

TEST_CASE("the name of a function is not taken for the operator of the same name") {
  Builder b;
  b.function("Conv", {"x", "t"}, "y").node("Where", {"x", "t", "t"}, "y");
  b.node("Conv", {"x", b.weight("table", {8, 8, 1, 1})}, "y", "modules");
  CHECK(b.roles("y") == Roles{{"table", "other"}});
}

TEST_CASE(
    "functions of one name, calls with too many inputs and functions that call themselves are harmless") {
  Builder b;
  b.linear();
  SUBCASE("two of one name") {
    b.linear();
  }
  SUBCASE("recursion") {
    b.model.mutable_functions()->RemoveLast();
    b.function("Linear", {"x", "w", "b"}, "y").call("Linear", {"w", "x", "b"}, "y");
  }
  SUBCASE("no such input") {
    b.model.mutable_functions(0)->clear_input();
    b.model.mutable_functions(0)->clear_output();
  }
  CHECK(b.roles(b.dense("x", "w")) == Roles{{"w", "other"}, {"w.b", "other"}});
}

TEST_CASE("the head of a function called once is a head, that of a repeated one is not") {
  for (int calls : {1, 2}) {
    CAPTURE(calls);
    Builder b;
    b.function("Mlp", {"x", "w1", "w2"}, "y")
        .node("MatMul", {"x", "w1"}, "h")
        .node("Relu", {"h"}, "a")
        .node("MatMul", {"a", "w2"}, "y");
    b.weight("w1", {8, 8});
    b.weight("w2", {8, 8});
    for (int i = 0; i < calls; ++i)
      b.node("Mlp", {"x" + std::to_string(i), "w1", "w2"}, "x" + std::to_string(i + 1), "modules");
    CHECK(b.roles("x" + std::to_string(calls)) ==
          Roles{{"w1", "dense"}, {"w2", calls == 1 ? "head" : "dense"}});
  }
}

// A node with a body that ends in x W.
void add_body(Builder& b, const std::string& op, const std::string& attribute, Names outputs) {
  auto* node = b.model.mutable_graph()->add_node();
  node->set_op_type(op);
  node->add_input("c");
  node->add_output("y");
  auto* body = node->add_attribute();
  body->set_name(attribute);
  append_node(*body->mutable_g()->mutable_node(), "MatMul", {"x", b.weight("w1", {8, 8})}, "h");
  append_node(*body->mutable_g()->mutable_node(), "MatMul", {"h", b.weight("w2", {8, 8})}, "z");
  for (const std::string& output : outputs) body->mutable_g()->add_output()->set_name(output);
}

TEST_CASE("the last layer of a branch or a body is the head") {
  const Roles expected = {{"w1", "dense"}, {"w2", "head"}};
  Builder branch, loop, condition, scan;
  add_body(branch, "If", "then_branch", {"z"});
  CHECK(branch.roles("y") == expected);
  add_body(loop, "Loop", "body", {"more", "z"});
  CHECK(loop.roles("y") == expected);
  add_body(scan, "Scan", "body", {"z"});
  CHECK(scan.roles("y") == expected);
  // What only decides whether the loop goes on is no output.
  add_body(condition, "Loop", "body", {"z", "x"});
  CHECK(condition.roles("y") == Roles{{"w1", "dense"}, {"w2", "dense"}});
}

}  // namespace
}  // namespace tt::model::test
