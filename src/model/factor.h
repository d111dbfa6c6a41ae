// A model whose layers keep the two factors of a weight apart: W ~ L R, L rows x rank, R rank x cols of the
// weight's matrix view. One node becomes two, of standard operators:
//
//   MatMul  X W = (X L) R,  W X = L (R X);  W of two dimensions
//   Gemm    the same, W or X transposed; alpha, beta and C stay with the second product
//   Conv    (group 1) kernel of `rank` outputs with all attributes, then a kernel of one point with the bias
//   Gather  (axis 0, a table of two dimensions) rows of L, times R
//
// A weight is factored only where that is less work (factor_price.h; of tables: fewer bytes). Multiply-adds
// are those of one row of a product, one point of a kernel's output, one index of a table.
//
// Left dense: what several nodes use, or a subgraph, function or output of the model; nodes of other kinds;
// models with training information or quantization annotations, and operators before opset 7.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/model.h"

namespace tt::model {

// What is known of a weight's factors; rank 0: there are none.
struct FactorShape {
  std::uint64_t rows = 0, cols = 0, rank = 0;
};

// A new tensor of the factored model: one factor of a weight in the weight's type, row by row or, where
// `transposed`, column by column.
struct Factor {
  std::size_t weight = 0;  // index into Model::weights()
  bool left = false, transposed = false;
  std::string name;     // in the factored model
  tensor::Shape shape;  // as the node takes it
  std::uint64_t bytes = 0;
  std::int32_t data_type = 0;  // of ONNX; 0: the weight's
};

// What became of a weight that has factors.
struct FactorFate {
  std::size_t weight = 0;
  bool factored = false;
  std::string why;       // dense: the reason
  std::string node, op;  // the only node that uses it, if there is one
  std::uint64_t rank = 0;
  std::uint64_t macs_dense = 0, macs_factored = 0;    // where it was factored
  std::uint64_t bytes_dense = 0, bytes_factored = 0;  // likewise
};

struct FactoredModel {
  Skeleton skeleton;            // piece.weight: index into weights(), or their number + index into `factors`
  std::vector<Factor> factors;  // left and right of each factored weight, in turn
  std::vector<FactorFate> fates;  // of all weights with factors, in the order of the weights
  // Optional inputs (with a default value) that are gone: their default is not one tensor any more.
  std::vector<std::string> dropped_inputs;
};

// `shapes`: of each weight. `location` empty: one file with all weights inside; else initializers of at least
// kExternalBytes go to that file beside it (as Model::external_skeleton, also for models with external data).
// Nothing is factored in safetensors files. Errors: as inline_skeleton; bad_data.
FactoredModel factored(const Model& model, const std::vector<FactorShape>& shapes,
                       const std::string& location = "");

}  // namespace tt::model
