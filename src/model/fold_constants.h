// Nodes whose inputs are all constants.
#pragma once

#include "model/fold_graph.h"

namespace tt::model {

// Replaces such nodes by what they give, in one pass over the graph. Returns how many.
std::uint64_t fold_constants(FoldGraph& graph);

}  // namespace tt::model
