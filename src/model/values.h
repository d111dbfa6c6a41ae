// The graph as edges: every definition of a name (graph input, initializer, node output) is one value with
// its producer and its uses. A subgraph sees the names of the graphs around it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/graph.h"

namespace tt::model {

struct Use {
  std::uint32_t node, input;
};

struct Value {
  std::uint32_t producer = kNone;  // node
  std::uint32_t tensor = kNone;    // of an initializer or Constant
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
  // The constant tensor behind such nodes, or kNone.
  std::uint32_t constant(std::uint32_t value) const;

 private:
  std::uint32_t at(const List& list, std::uint32_t index) const {
    return index < list.count ? ids_[list.begin + index] : kNone;
  }
  std::uint32_t define(std::uint32_t graph, NameId name);
  std::uint32_t find(std::uint32_t graph, NameId name) const;

  const Onnx& onnx_;
  std::vector<Value> values_;
  std::vector<std::uint32_t> ids_;  // of the entries of Onnx::values
  std::vector<std::unordered_map<NameId, std::uint32_t>> scopes_;
};

bool is_view_op(std::string_view op);

}  // namespace tt::model
