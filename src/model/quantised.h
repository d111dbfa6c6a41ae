// Which weights a runtime can multiply with while they are integer codes with group scales.
#pragma once

#include <string>
#include <vector>

#include "model/model.h"

namespace tt::model {

enum class QuantisedOp {
  none,
  product,  // MatMul or Gemm by a matrix: com.microsoft.MatMulNBits
  table,    // Gather from a table: com.microsoft.GatherBlockQuantized
  kernel,   // Conv, ConvTranspose: DequantizeLinear, one scale for each index of the first axis
};

// Products are never written as DequantizeLinear and MatMul: ONNX Runtime merges the two into a product that
// rounds its other input to eight bits as well.
struct QuantisedUse {
  QuantisedOp op = QuantisedOp::none;
  unsigned axis = 1;         // of the matrix view, the one that groups run along
  unsigned least_bits = 4;   // 8 where codes of 4 bits cannot be had
  bool whole_rows = false;   // one scale a row of the matrix view (a kernel), no smaller groups
  std::string why_not = {};  // of `none`
};

// One entry a weight: of those in float32 that one node of the main graph uses. `none` for all of a
// safetensors file.
std::vector<QuantisedUse> quantised_uses(const Model& model);

}  // namespace tt::model
