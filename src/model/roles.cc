#include "model/roles.h"

#include <algorithm>

#include "model/attention.h"
#include "model/functions.h"
#include "model/layers.h"

namespace tt::model {

void assign_roles(const Onnx& onnx, const std::vector<std::uint32_t>& of_tensor,
                  std::vector<Weight>& weights) {
  Values values(onnx);
  Layers layers(values);
  std::vector<Role> blocks = find_blocks(layers);
  bool transformer = std::any_of(blocks.begin(), blocks.end(),
                                 [](Role role) { return role != Role::dense && role != Role::head; });
  const FunctionInputs inputs(values, layers.uses(), [&](const LayerUse& use, Role role) {
    return role == Role::dense ? blocks[use.node] : role;
  });
  for (const LayerUse& use : layers.uses()) {
    std::uint32_t index = of_tensor[use.tensor];
    if (index == kNone || inputs.is_inside(use)) continue;
    Weight& weight = weights[index];
    const Node& node = onnx.nodes[use.node];
    weight.nodes.push_back(onnx.label(node));
    weight.op_types.push_back(onnx.op(node));
    Role role = inputs.role_of(use);
    if (role == Role::dense && transformer) role = dense_role_by_name(weight.name);
    if (rank_of(role) < rank_of(weight.role)) weight.role = role;
  }
}

}  // namespace tt::model
