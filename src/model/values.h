// The graph as edges: every definition of a name (graph input, initializer, node output) is one value with
// its producer and its uses. A subgraph sees the names of the graphs around it; an input of a model-local
// function stands for what its calls give.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/graph.h"

namespace tt::model {

struct Use {
  std::uint32_t node, input;
};

struct Value {
  std::uint32_t producer = kNone;  // node
  std::uint32_t tensor = kNone;    // of an initializer or Constant
  std::uint32_t argument = kNone;  // of an input of a function: the value that its first call gives
  bool is_output = false;          // of the main graph
  std::vector<Use> uses;
};

class Values {
 public:
  explicit Values(const Onnx& onnx);

  const Onnx& onnx() const { return onnx_; }
  const Node& node(std::uint32_t index) const { return onnx_.nodes[index]; }
  std::string_view op(std::uint32_t node) const { return onnx_.op(onnx_.nodes[node]); }
  const Value& operator[](std::uint32_t value) const { return values_[value]; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(values_.size()); }

  // Value of an input or output, kNone if it is left out or unknown.
  std::uint32_t input(const Node& node, std::uint32_t index) const { return at(node.inputs, index); }
  std::uint32_t output(const Node& node, std::uint32_t index) const { return at(node.outputs, index); }
  std::uint32_t producer(std::uint32_t value) const {
    return value == kNone ? kNone : values_[value].producer;
  }

  // The value before all nodes that only change its view or type (Identity, Cast, Transpose, Reshape,
  // Squeeze, ...).
  std::uint32_t source(std::uint32_t value) const;
  // The constant tensor behind such nodes, or kNone. Behind an input of a function it is the first call's.
  std::uint32_t constant(std::uint32_t value) const;

  // The function that `node` calls, a graph, or kNone. Two functions of one name (overloads) are none.
  std::uint32_t callee(std::uint32_t node) const;
  // Input `input` of the function that `node` calls, kNone if there is none.
  std::uint32_t parameter(std::uint32_t node, std::uint32_t input) const;
  // The input of a called function behind nodes that only change its view or type, or kNone.
  std::uint32_t parameter_behind(std::uint32_t value) const;
  // The values inside If, Loop, Scan or a function called once that become `value`, an output of `node`.
  std::vector<std::uint32_t> inner_outputs(std::uint32_t node, std::uint32_t value) const;

 private:
  std::uint32_t at(const List& list, std::uint32_t index) const {
    return index < list.count ? ids_[list.begin + index] : kNone;
  }
  struct Function {
    std::uint32_t graph = kNone, calls = 0;
  };

  void define_all();
  void find_uses();
  void bind_calls();
  const Function* function_of(std::uint32_t node) const;
  std::uint32_t source(std::uint32_t value, int& steps) const;
  std::uint32_t define(std::uint32_t graph, NameId name);
  std::uint32_t find(std::uint32_t graph, NameId name) const;

  const Onnx& onnx_;
  std::vector<Value> values_;
  std::vector<std::uint32_t> ids_;  // of the entries of Onnx::values
  std::vector<std::unordered_map<NameId, std::uint32_t>> scopes_;
  std::map<std::pair<NameId, NameId>, Function> functions_;  // by domain and name
  std::multimap<std::uint32_t, std::uint32_t> inner_;        // graphs of a node's attributes
};

bool is_view_op(std::string_view op);

}  // namespace tt::model
