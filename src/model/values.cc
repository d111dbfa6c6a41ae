#include "model/values.h"

#include <algorithm>

namespace tt::model {

namespace {

constexpr int kMaxSteps = 64;               // also ends the walk around a cycle
constexpr std::uint32_t kMaxOutputs = 256;  // of a node with graphs inside; of further ones nothing is known

}  // namespace

bool is_view_op(std::string_view op) {
  for (std::string_view view : {"Identity", "Cast", "CastLike", "Transpose", "Reshape", "Unsqueeze",
                                "Squeeze", "Flatten", "Dropout"}) {
    if (op == view) return true;
  }
  return false;
}

Values::Values(const Onnx& onnx) : onnx_(onnx), ids_(onnx.values.size(), kNone), scopes_(onnx.graphs.size()) {
  define_all();
  find_uses();
  bind_calls();
  for (NameId name : onnx.graphs[0].outputs) {
    std::uint32_t value = find(0, name);
    if (value != kNone) values_[value].is_output = true;
  }
}

void Values::define_all() {
  for (std::uint32_t g = 0; g < onnx_.graphs.size(); ++g) {
    const Graph& graph = onnx_.graphs[g];
    for (NameId name : graph.inputs) define(g, name);
    for (std::uint32_t tensor : graph.initializers)
      values_[define(g, onnx_.tensors[tensor].name)].tensor = tensor;
    for (std::uint32_t n : graph.nodes) {
      const Node& node = onnx_.nodes[n];
      for (std::uint32_t i = 0; i < node.outputs.count; ++i) {
        if (onnx_.value(node.outputs, i) == 0) continue;
        std::uint32_t value = define(g, onnx_.value(node.outputs, i));
        ids_[node.outputs.begin + i] = value;
        if (values_[value].producer == kNone) values_[value].producer = n;
        if (i == 0 && node.tensor != kNone) values_[value].tensor = node.tensor;
      }
    }
  }
}

void Values::find_uses() {
  for (std::uint32_t n = 0; n < onnx_.nodes.size(); ++n) {
    const Node& node = onnx_.nodes[n];
    for (std::uint32_t i = 0; i < node.inputs.count; ++i) {
      std::uint32_t value = find(node.graph, onnx_.value(node.inputs, i));
      ids_[node.inputs.begin + i] = value;
      if (value != kNone) values_[value].uses.push_back({n, i});
    }
  }
}

void Values::bind_calls() {
  for (std::uint32_t g = 0; g < onnx_.graphs.size(); ++g) {
    const Graph& graph = onnx_.graphs[g];
    if (graph.owner != kNone) inner_.emplace(graph.owner, g);
    if (!graph.function) continue;
    const auto [at, fresh] = functions_.try_emplace({graph.domain, graph.name}, Function{g, 0});
    if (!fresh) at->second.graph = kNone;
  }
  if (functions_.empty()) return;
  for (std::uint32_t n = 0; n < onnx_.nodes.size(); ++n) {
    const Node& node = onnx_.nodes[n];
    const auto found = functions_.find({node.domain, node.op});
    if (found == functions_.end() || found->second.graph == kNone || ++found->second.calls > 1) continue;
    for (std::uint32_t i = 0; i < node.inputs.count; ++i) {
      const std::uint32_t inside = parameter(n, i);
      if (inside != kNone) values_[inside].argument = input(node, i);
    }
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
  int steps = kMaxSteps;
  return source(value, steps);
}

std::uint32_t Values::source(std::uint32_t value, int& steps) const {
  for (; steps > 0 && value != kNone && values_[value].tensor == kNone; --steps) {
    std::uint32_t node = values_[value].producer;
    if (node == kNone || !is_view_op(op(node))) break;
    value = input(onnx_.nodes[node], 0);
  }
  return value;
}

std::uint32_t Values::constant(std::uint32_t value) const {
  int steps = kMaxSteps;
  std::uint32_t from = source(value, steps);
  for (; steps > 0 && from != kNone && values_[from].argument != kNone; --steps)
    from = source(values_[from].argument, steps);
  return from == kNone ? kNone : values_[from].tensor;
}

const Values::Function* Values::function_of(std::uint32_t node) const {
  if (functions_.empty()) return nullptr;
  const auto found = functions_.find({onnx_.nodes[node].domain, onnx_.nodes[node].op});
  return found == functions_.end() || found->second.graph == kNone ? nullptr : &found->second;
}

std::uint32_t Values::callee(std::uint32_t node) const {
  const Function* function = function_of(node);
  return function ? function->graph : kNone;
}

std::uint32_t Values::parameter(std::uint32_t node, std::uint32_t input) const {
  const std::uint32_t graph = callee(node);
  if (graph == kNone || input >= onnx_.graphs[graph].inputs.size()) return kNone;
  return find(graph, onnx_.graphs[graph].inputs[input]);
}

std::uint32_t Values::parameter_behind(std::uint32_t value) const {
  const std::uint32_t from = source(value);
  return from == kNone || values_[from].argument == kNone ? kNone : from;
}

std::vector<std::uint32_t> Values::inner_outputs(std::uint32_t n, std::uint32_t value) const {
  std::vector<std::uint32_t> graphs, inside;
  const auto [first, last] = inner_.equal_range(n);
  for (auto at = first; at != last; ++at) graphs.push_back(at->second);
  const Function* function = function_of(n);
  if (function && function->calls == 1) graphs.push_back(function->graph);
  if (graphs.empty()) return {};

  const Node& node = onnx_.nodes[n];
  const std::uint32_t count = std::min(node.outputs.count, kMaxOutputs);
  std::uint32_t index = 0;
  while (index < count && output(node, index) != value) ++index;
  if (index == count) return {};
  if (op(n) == "Loop") ++index;  // the body's first output is its condition
  for (const std::uint32_t graph : graphs) {
    const std::vector<NameId>& outputs = onnx_.graphs[graph].outputs;
    if (index < outputs.size()) inside.push_back(find(graph, outputs[index]));
  }
  return inside;
}

}  // namespace tt::model
