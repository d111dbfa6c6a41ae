#include "model/graph.h"

#include "base/error.h"

namespace tt::model {

Names::Names() {
  add("");
}

NameId Names::add(std::string_view name) {
  auto found = ids_.find(name);
  if (found != ids_.end()) return found->second;
  if (texts_.size() > kMaxMessages) {
    throw base::Error(base::ErrorKind::resource_limit,
                      "ONNX file has more than " + std::to_string(kMaxMessages) + " different names");
  }
  texts_.emplace_back(name);
  NameId id = static_cast<NameId>(texts_.size() - 1);
  ids_.emplace(texts_.back(), id);
  return id;
}

NameId Names::find(std::string_view name) const {
  const auto found = ids_.find(name);
  return found == ids_.end() ? 0 : found->second;
}

const std::string& Onnx::label(const Node& node) const {
  return names[node.name != 0 ? node.name : value(node.outputs, 0)];
}

std::string Onnx::prefix(std::uint32_t graph) const {
  std::string result;
  while (graph != kNone && graph != 0) {
    const Graph& g = graphs[graph];
    std::string step = names[g.name] + "/";
    if (g.owner != kNone) step = label(nodes[g.owner]) + "/" + step;
    result = step + result;
    graph = g.owner != kNone ? nodes[g.owner].graph : 0;
  }
  return result;
}

}  // namespace tt::model
