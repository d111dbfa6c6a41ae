// What each weight is for, from the graph; from names where the graph does not say.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/graph.h"
#include "model/model.h"

namespace tt::model {

// Sets role, nodes and op_types of all weights.
void assign_roles(const Onnx& onnx, const std::vector<std::uint32_t>& of_tensor,
                  std::vector<Weight>& weights);

// Sets the roles of a file without a graph by names and shapes.
void assign_roles_by_name(std::vector<Weight>& weights);

// A finer role for a dense weight from common names ("...q_proj...", "...lm_head..."), else Role::dense.
Role dense_role_by_name(const std::string& name);

}  // namespace tt::model
