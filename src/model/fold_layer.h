// A layer that may take in the scale and shift of a BatchNormalization beside it.
#pragma once

#include <optional>
#include <string>

#include "model/fold_graph.h"

namespace tt::model {

struct FoldLayer {
  enum class Kind { conv, conv_transpose, gemm, matmul };
  Kind kind = Kind::conv;
  std::uint32_t node = kNone;
  std::uint64_t group = 1, outputs = 0, inputs = 0;  // channels
  bool transposed = false;                           // Gemm's transB
  bool pads = false;                                 // values that are no input's count as zero
  double alpha = 1, beta = 1;                        // Gemm's factors of product and bias
  FoldConstant* weight = nullptr;
  FoldConstant* bias = nullptr;   // input 2
  std::uint32_t add = kNone;      // the Add that follows with a bias
  FoldConstant* added = nullptr;  // that one

  // The channel of element `index` of the weight.
  std::uint64_t output_of(std::uint64_t index) const;
  std::uint64_t input_of(std::uint64_t index) const;

 private:
  friend class LayerReader;
  std::uint64_t inner_ = 1, second_ = 1;  // elements behind dimension 1, and that dimension
};

// The layer that `node` is, or why it is none that can be changed.
struct FoundLayer {
  std::optional<FoldLayer> layer;
  const char* obstacle = nullptr;
};
FoundLayer fold_layer(FoldGraph& graph, std::uint32_t node);
// The same where `node` may be the Add of its bias.
FoundLayer fold_layer_behind(FoldGraph& graph, std::uint32_t node);

}  // namespace tt::model
