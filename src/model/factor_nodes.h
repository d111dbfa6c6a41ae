// The two nodes that one becomes when its weight is factored.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/factor.h"

namespace onnx {
class NodeProto;
}

namespace tt::model {

// Names of the two nodes' parts in the factored model.
struct FactorNames {
  std::string left, right;  // tensors
  std::string between;      // value of the first node
  std::string first;        // node; empty if the node has no name
};

struct FactorNodes {
  std::string why;                       // not empty: the node cannot be factored
  std::vector<base::Bytes> before = {};  // NodeProto messages: nodes of constants
  base::Bytes first, second;             // likewise, instead of the node; both empty: it stays
  tensor::Shape left_shape, right_shape;
  bool left_transposed = false, right_transposed = false;
};

// `node` of operator `op` (default domain) uses a weight of `shape` as input `input`; `opset` is that of the
// default domain.
struct FactorSite {
  const onnx::NodeProto& node;
  std::string_view op;
  int input = 0;
  const tensor::Shape& shape;
  tensor::DType dtype = tensor::DType::f32;
  std::uint64_t opset = 0;
};

FactorNodes factor_nodes(const FactorSite& site, std::uint64_t rank, const FactorNames& names);

}  // namespace tt::model
