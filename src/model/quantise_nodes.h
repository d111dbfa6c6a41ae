// The nodes that multiply with a quantised weight.
#pragma once

#include <functional>

#include "model/factor_nodes.h"
#include "model/quantise.h"

namespace onnx {
class NodeProto;
}

namespace tt::model {

inline constexpr char kContribDomain[] = "com.microsoft";

// The first node that uses the weight `name` of the model, of a type of ONNX.
struct QuantisedSite {
  const onnx::NodeProto& node;
  const std::string& name;
  const tensor::Shape& shape;
  std::int32_t data_type = 0;
  std::function<std::string(const std::string&)> fresh;  // a name that the model does not have
};

inline const char* op_name(QuantisedOp op) {
  if (op == QuantisedOp::expanded) return "Mul";
  return op == QuantisedOp::product ? "MatMulNBits" : "GatherBlockQuantized";
}

// Sets the form of the tensors of `layer` (stored, rows, cols and op are known; names.left is that of the
// codes, names.right that of the scales) and returns the new nodes.
FactorNodes quantised_nodes(const QuantisedSite& site, const FactorNames& names, QuantisedLayer& layer);

}  // namespace tt::model
