// The nodes that multiply with a quantised weight.
#pragma once

#include "model/factor_nodes.h"
#include "model/quantise.h"

namespace tt::model {

inline constexpr char kContribDomain[] = "com.microsoft";

// Sets the form of the tensors of `layer` (stored, rows, cols and op are known; names.left is that of the
// codes, names.right that of the scales) and returns the nodes in place of `node`, which uses the weight
// `name` of `shape`.
FactorNodes quantised_nodes(const onnx::NodeProto& node, const std::string& name, const tensor::Shape& shape,
                            const FactorNames& names, QuantisedLayer& layer);

}  // namespace tt::model
