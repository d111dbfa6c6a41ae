#include "model/values.h"

#include <algorithm>

namespace tt::model {

namespace {

constexpr int kMaxSteps = 64;  // also ends the walk around a cycle

}  // namespace

bool is_view_op(std::string_view op) {
  for (std::string_view view : {"Identity", "Cast", "CastLike", "Transpose", "Reshape", "Unsqueeze",
                                "Squeeze", "Flatten", "Dropout"}) {
    if (op == view) return true;
  }
  return false;
}

Values::Values(const Onnx& onnx) : onnx_(onnx), ids_(onnx.values.size(), kNone), scopes_(onnx.graphs.size()) {
  for (std::uint32_t g = 0; g < onnx.graphs.size(); ++g) {
    const Graph& graph = onnx.graphs[g];
    for (NameId name : graph.inputs) define(g, name);
    for (std::uint32_t tensor : graph.initializers)
      values_[define(g, onnx.tensors[tensor].name)].tensor = tensor;
    for (std::uint32_t n : graph.nodes) {
      const Node& node = onnx.nodes[n];
      for (std::uint32_t i = 0; i < node.outputs.count; ++i) {
        if (onnx.value(node.outputs, i) == 0) continue;
        std::uint32_t value = define(g, onnx.value(node.outputs, i));
        ids_[node.outputs.begin + i] = value;
        if (values_[value].producer == kNone) values_[value].producer = n;
        if (i == 0 && node.tensor != kNone) values_[value].tensor = node.tensor;
      }
    }
  }
  for (std::uint32_t n = 0; n < onnx.nodes.size(); ++n) {
    const Node& node = onnx.nodes[n];
    for (std::uint32_t i = 0; i < node.inputs.count; ++i) {
      std::uint32_t value = find(node.graph, onnx.value(node.inputs, i));
      ids_[node.inputs.begin + i] = value;
      if (value != kNone) values_[value].uses.push_back({n, i});
    }
  }
  for (NameId name : onnx.graphs[0].outputs) {
    std::uint32_t value = find(0, name);
    if (value != kNone) values_[value].is_output = true;
  }
}

std::uint32_t Values::define(std::uint32_t graph, NameId name) {
  auto [at, fresh] = scopes_[graph].emplace(name, static_cast<std::uint32_t>(values_.size()));
  if (fresh) values_.emplace_back();
  return at->second;
}

std::uint32_t Values::find(std::uint32_t graph, NameId name) const {
  if (name == 0) return kNone;
  for (;;) {
    auto found = scopes_[graph].find(name);
    if (found != scopes_[graph].end()) return found->second;
    if (onnx_.graphs[graph].owner == kNone) return kNone;
    graph = onnx_.nodes[onnx_.graphs[graph].owner].graph;
  }
}

std::uint32_t Values::source(std::uint32_t value) const {
  for (int step = 0; step < kMaxSteps && value != kNone && values_[value].tensor == kNone; ++step) {
    std::uint32_t node = values_[value].producer;
    if (node == kNone || !is_view_op(op(node))) break;
    value = input(onnx_.nodes[node], 0);
  }
  return value;
}

std::uint32_t Values::constant(std::uint32_t value) const {
  std::uint32_t from = source(value);
  return from == kNone ? kNone : values_[from].tensor;
}

}  // namespace tt::model
