#include "model/producer.h"

#include <algorithm>
#include <map>
#include <vector>

namespace tt::model {
namespace {

constexpr int kMaxSteps = 64;  // also ends the walk around a cycle

bool keeps_values(const std::string& op) {
  return op == "Identity" || op == "Cast" || op == "CastLike" || op == "Dropout";
}

std::map<NameId, const Node*> nodes_by_output(const Onnx& onnx) {
  std::map<NameId, const Node*> result;
  for (const std::uint32_t index : onnx.graphs[0].nodes) {
    const Node& node = onnx.nodes[index];
    for (std::uint32_t i = 0; i < node.outputs.count; ++i) result.emplace(onnx.value(node.outputs, i), &node);
  }
  return result;
}

}  // namespace

std::optional<Producer> producer_of(const Onnx& onnx, const std::string& output) {
  if (onnx.graphs.empty()) return std::nullopt;
  const std::vector<NameId>& outputs = onnx.graphs[0].outputs;
  const auto name =
      std::find_if(outputs.begin(), outputs.end(), [&](const NameId id) { return onnx.names[id] == output; });
  if (name == outputs.end()) return std::nullopt;
  const auto nodes = nodes_by_output(onnx);
  auto found = nodes.find(*name);
  for (int step = 0; step < kMaxSteps && found != nodes.end(); ++step) {
    const Node& node = *found->second;
    if (node.tensor != kNone) break;
    if (!keeps_values(onnx.op(node))) return Producer{onnx.op(node), node.axis};
    found = nodes.find(onnx.value(node.inputs, 0));
  }
  return std::nullopt;
}

}  // namespace tt::model
