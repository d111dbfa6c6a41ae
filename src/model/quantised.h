// Which weights a runtime can multiply with while they are integer codes with group scales.
#pragma once

#include <string>
#include <vector>

#include "model/model.h"

namespace tt::model {

// What ONNX Runtime gains by each, and why DequantizeLinear is none of them: docs/quantized.md.
enum class QuantisedOp {
  none,
  product,   // MatMul or Gemm by 65,536 codes of 4 bits or more: com.microsoft.MatMulNBits
  table,     // Gather from a table: com.microsoft.GatherBlockQuantized
  expanded,  // codes and scales become the weight by constant nodes, which a runtime computes once
};

struct QuantisedUse {
  QuantisedOp op = QuantisedOp::none;
  unsigned axis = 1;         // of the matrix view, the one of the layer's inputs
  unsigned least_bits = 4;   // 8 where codes of 4 bits cannot be had
  std::string why_not = {};  // of `none`
};

// One entry a weight. `none` for all of a safetensors file, and for what lies or is used inside a subgraph or
// function.
std::vector<QuantisedUse> quantised_uses(const Model& model);

}  // namespace tt::model
