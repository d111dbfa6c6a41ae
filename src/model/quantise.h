// A model whose layers multiply with weights that are integer codes with group scales. With codes q of a
// weight and one scale s for each group of its inputs:
//
//   MatMul, Gemm by 4 bits  com.microsoft.MatMulNBits (accuracy_level 1: float32), Gemm's C by an Add
//   Gather                  com.microsoft.GatherBlockQuantized
//   all else                Cast(q) * s in front of the layer, by nodes of constants (any opset from 7 on);
//                           4 bits: two codes a byte, (h, l) as 16 h + l + 8, h = floor(byte / 16)
//
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md. The operators of com.microsoft
// take groups of 16, 32, ... 256: larger ones are cut, their scale repeated. What quantised_uses() knows no
// way for stays dense, and so does what would not become smaller.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/factor.h"
#include "model/quantised.h"

namespace tt::model {

// How a weight is stored: codes of `bits` with a scale for `group` neighbours along `axis` of the matrix
// view, 0 for all of them. No bits: otherwise.
struct BlockShape {
  unsigned bits = 0;
  std::uint64_t group = 0;
  unsigned axis = 1;
};

// A weight that is written as codes and scales, in the form of its operator.
struct QuantisedLayer {
  std::size_t weight = 0;  // index into Model::weights()
  QuantisedOp op = QuantisedOp::none;
  BlockShape stored;
  std::uint64_t rows = 0, cols = 0;  // of the matrix view
  std::uint64_t block = 0;           // of the operator; 0 of `expanded`
  Factor codes, scales;              // the new tensors
};

// What became of a weight that is stored as codes.
struct QuantisedFate {
  std::size_t weight = 0;
  bool quantised = false;
  std::string why;  // dense: the reason
  std::string op;   // the operator that multiplies with it
  std::uint64_t bytes_dense = 0, bytes_quantised = 0;
};

struct QuantisedModel {
  // piece.weight: index into weights(), or their number + 2 i for the codes of layers[i], + 1 for its scales.
  Skeleton skeleton;
  std::vector<QuantisedLayer> layers;
  std::vector<QuantisedFate> fates;  // of all weights that are stored as codes, in the order of the weights
  std::vector<std::string> dropped_inputs;  // as of FactoredModel
};

// `shapes`: of each weight; `location` as for factored(). Errors: as factored().
QuantisedModel quantised(const Model& model, const std::vector<BlockShape>& shapes,
                         const std::string& location = "");

// The payloads of a layer's two tensors, from what is stored: codes row by row, scales as rows x groups
// (stored.axis 1) or groups x cols (0).
base::Bytes packed_codes(const QuantisedLayer& layer, std::span<const std::int8_t> codes);
base::Bytes packed_scales(const QuantisedLayer& layer, std::span<const float> scales);

}  // namespace tt::model
