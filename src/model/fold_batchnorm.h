// BatchNormalization nodes and the layers beside them.
#pragma once

#include "model/fold_graph.h"

namespace tt::model {

// Folds what can be folded, in one pass over the graph; counts it and what is left in `report`.
void fold_batch_normalizations(FoldGraph& graph, FoldReport& report);

}  // namespace tt::model
