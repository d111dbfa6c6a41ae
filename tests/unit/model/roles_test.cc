#include "model/roles.h"

#include <doctest/doctest.h>

#include <map>

#include "support.h"

namespace tt::model::test {
namespace {

using Roles = std::map<std::string, std::string>;

// A graph whose weights are made from the names of inputs: "w:4x6" is a weight w of 4 x 6.
class Builder {
 public:
  std::string weight(const std::string& name, std::initializer_list<std::int64_t> dims) {
    *proto.mutable_graph()->add_initializer() = raw_tensor(name, dims);
    return name;
  }
  onnx::NodeProto* node(const std::string& op, std::initializer_list<std::string> inputs,
                        const std::string& output) {
    return add_node(*proto.mutable_graph(), op, inputs, {output}, op + "_" + output);
  }
  // x W + b
  std::string dense(const std::string& x, const std::string& name, std::int64_t rows, std::int64_t cols) {
    node("MatMul", {x, weight(name, {rows, cols})}, name + ".product");
    node("Add", {name + ".product", weight(name + ".b", {cols})}, name + ".out");
    return name + ".out";
  }
  Roles roles(const std::string& output) {
    proto.mutable_graph()->add_output()->set_name(output);
    Model model = open_proto(proto);
    Roles result;
    for (const Weight& weight : model.weights()) result[weight.name] = role_name(weight.role);
    return result;
  }
  onnx::ModelProto proto = empty_model();
};

void set_int(onnx::NodeProto* node, const std::string& name, std::int64_t value) {
  auto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_i(value);
}

// Softmax(q k^T / c) v, with heads.
std::string attend(Builder& b, const std::string& q, const std::string& k, const std::string& v) {
  b.node("Transpose", {q}, "q.heads");
  b.node("Transpose", {k}, "k.heads");
  b.node("Transpose", {v}, "v.heads");
  b.node("MatMul", {"q.heads", "k.heads"}, "scores");
  b.node("Div", {"scores", b.weight("scale", {1})}, "scaled");
  b.node("Add", {"scaled", "mask"}, "masked");
  b.node("Softmax", {"masked"}, "probabilities");
  b.node("MatMul", {"probabilities", "v.heads"}, "mixed");
  b.node("Transpose", {"mixed"}, "mixed.t");
  b.node("Reshape", {"mixed.t", "shape"}, "merged");
  return "merged";
}

TEST_CASE("a transformer block, decomposed") {
  Builder b;
  b.node("Gather", {b.weight("table", {50, 8}), "ids"}, "x");
  std::string mixed = attend(b, b.dense("x", "m1", 8, 8), b.dense("x", "m2", 8, 8), b.dense("x", "m3", 8, 8));
  b.node("Add", {"x", b.dense(mixed, "m4", 8, 8)}, "r");
  b.node("Sub", {"r", "mean"}, "centred");
  b.node("Add", {"variance", "eps"}, "v.eps");
  b.node("Sqrt", {"v.eps"}, "deviation");
  b.node("Div", {"centred", "deviation"}, "n");
  b.node("Mul", {"n", b.weight("gamma", {16})}, "n.g");
  b.node("Add", {"n.g", b.weight("beta", {16})}, "norm");
  std::string up = b.dense("norm", "m5", 8, 32);
  b.node("Div", {up, "root2"}, "e1");
  b.node("Erf", {"e1"}, "e2");
  b.node("Add", {"e2", b.weight("one", {1})}, "e3");
  b.node("Mul", {up, "e3"}, "e4");
  b.node("Add", {"norm", b.dense("e4", "m6", 32, 8)}, "r2");
  Roles roles = b.roles(b.dense("r2", "m7", 8, 50));
  CHECK(roles["table"] == "embedding");
  CHECK(roles["m1"] == "attention.q");
  CHECK(roles["m2"] == "attention.k");
  CHECK(roles["m3"] == "attention.v");
  CHECK(roles["m4"] == "attention.out");
  CHECK(roles["m5"] == "ffn.up");
  CHECK(roles["m6"] == "ffn.down");
  CHECK(roles["m7"] == "head");
  CHECK(roles["m5.b"] == "bias");
  CHECK(roles["gamma"] == "norm");
  CHECK(roles["beta"] == "norm");
}

TEST_CASE("fused projection and a gated unit") {
  Builder b;
  b.dense("x", "qkv", 8, 24);
  add_node(*b.proto.mutable_graph(), "Split", {"qkv.out"}, {"q", "k", "v"});
  std::string mixed = attend(b, "q", "k", "v");
  std::string out = b.dense(mixed, "o", 8, 8);
  std::string gate = b.dense(out, "a1", 8, 16), up = b.dense(out, "a2", 8, 16);
  b.node("Sigmoid", {gate}, "s");
  b.node("Mul", {gate, "s"}, "silu");
  b.node("Mul", {"silu", up}, "gated");
  b.node("Add", {b.dense("gated", "a3", 16, 8), out}, "y");
  Roles roles = b.roles("y");
  CHECK(roles["qkv"] == "attention.v");
  CHECK(roles["o"] == "attention.out");
  CHECK(roles["a1"] == "ffn.gate");
  CHECK(roles["a2"] == "ffn.up");
  CHECK(roles["a3"] == "ffn.down");
}

TEST_CASE("kernels, recurrent layers, products of views") {
  Builder b;
  set_int(b.node("Conv", {"x", b.weight("dw", {16, 1, 3, 3}), b.weight("dw.b", {16})}, "a"), "group", 16);
  set_int(b.node("Conv", {"a", b.weight("grouped", {16, 2, 3}), ""}, "c"), "group", 8);
  b.node("ConvTranspose", {"c", b.weight("up", {16, 4, 2, 2})}, "d");
  b.node("LSTM",
         {"x", b.weight("lstm.w", {1, 16, 4}), b.weight("lstm.r", {1, 16, 4}), b.weight("lstm.b", {1, 32})},
         "e");
  b.node("Transpose", {b.weight("turned", {8, 4})}, "turned.t");
  b.node("Cast", {"turned.t"}, "turned.c");
  b.node("MatMul", {"turned.c", "x"}, "f");
  b.node("Gemm", {"f", b.weight("gemm", {8, 8}), b.weight("gemm.c", {1, 16})}, "g");
  b.node("Add", {b.weight("position", {4, 8}), "g"}, "h");
  b.node("BatchNormalization", {"h", b.weight("bn", {16}), "x", "x", b.weight("bn.v", {16})}, "i");
  b.node("Relu", {"i"}, "y");
  Roles roles = b.roles("y");
  CHECK(roles == Roles{{"dw", "depthwise"},
                       {"dw.b", "bias"},
                       {"grouped", "conv"},
                       {"up", "conv"},
                       {"lstm.w", "recurrent"},
                       {"lstm.r", "recurrent"},
                       {"lstm.b", "bias"},
                       {"turned", "dense"},
                       {"gemm", "dense"},
                       {"gemm.c", "bias"},
                       {"position", "other"},
                       {"bn", "norm"},
                       {"bn.v", "norm"}});
}

TEST_CASE("a subgraph uses weights of the outer graph") {
  Builder b;
  b.weight("w", {8, 8});
  auto* branch = b.node("If", {"c"}, "y")->add_attribute();
  branch->set_name("else_branch");
  add_node(*branch->mutable_g(), "MatMul", {"x", "w"}, {"z"}, "inner");
  CHECK(b.roles("y")["w"] == "dense");
}

TEST_CASE("names where there is no graph") {
  CHECK(dense_role_by_name("model.layers.0.self_attn.q_proj.weight") == Role::attention_q);
  CHECK(dense_role_by_name("bert.encoder.layer.1.attention.self.key.weight") == Role::attention_k);
  CHECK(dense_role_by_name("blocks.3.attn.qkv.weight") == Role::attention_v);
  CHECK(dense_role_by_name("encoder.layer.0.attention.output.dense.weight") == Role::attention_out);
  CHECK(dense_role_by_name("encoder.layer.0.output.dense.weight") == Role::ffn_down);
  CHECK(dense_role_by_name("encoder.layer.0.intermediate.dense.weight") == Role::ffn_up);
  CHECK(dense_role_by_name("model.layers.0.mlp.gate_proj.weight") == Role::ffn_gate);
  CHECK(dense_role_by_name("lm_head.weight") == Role::head);
  CHECK(dense_role_by_name("h.0.attn.c_proj.weight") == Role::attention_out);
  CHECK(dense_role_by_name("h.0.mlp.c_proj.weight") == Role::ffn_down);
  CHECK(dense_role_by_name("fc.weight") == Role::dense);
  CHECK(role_name(Role::attention_q) == "attention.q");
  CHECK(is_layer_role(Role::embedding));
  CHECK_FALSE(is_layer_role(Role::bias));
}

TEST_CASE("attention in one operator") {
  Builder b;
  b.node("Attention", {b.dense("x", "wq", 8, 8), b.dense("x", "wk", 8, 8), b.dense("x", "wv", 8, 8)},
         "mixed");
  const std::string out = b.dense("mixed", "wo", 8, 8);
  b.node("Gelu", {b.dense(out, "up", 8, 16)}, "active");
  b.node("Add", {b.dense("active", "down", 16, 8), out}, "sum");
  const Roles roles = b.roles("sum");
  CHECK(roles.at("wq") == "attention.q");
  CHECK(roles.at("wk") == "attention.k");
  CHECK(roles.at("wv") == "attention.v");
  CHECK(roles.at("wo") == "attention.out");
  CHECK(roles.at("up") == "ffn.up");
  CHECK(roles.at("down") == "ffn.down");
}

TEST_CASE("attention with the projections' weight inside") {
  Builder b;
  const std::string before = b.dense("x", "before", 8, 8);
  b.node("Attention", {before, b.weight("qkv", {8, 24}), b.weight("qkv.b", {24})}, "mixed");
  const Roles roles = b.roles(b.dense("mixed", "wo", 8, 8));
  CHECK(roles.at("before") == "dense");
  CHECK(roles.at("qkv") == "attention.v");
  CHECK(roles.at("qkv.b") == "bias");
}

}  // namespace
}  // namespace tt::model::test
