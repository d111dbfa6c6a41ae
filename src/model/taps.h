// Models with further outputs: the inputs and outputs of layers, for calibration and for limits on every
// layer.
#pragma once

#include <string>
#include <vector>

#include "model/model.h"

namespace tt::model {

// Where a layer of the main graph uses a weight.
struct Tap {
  std::size_t weight = 0;       // index into Model::weights()
  std::string node, op;         // as Weight::nodes
  std::string input, output;    // names of the values that go in (its data input) and come out (after
                                // the Add of a bias that follows directly: that one's output)
  bool weight_is_left = false;  // MatMul(W, x): the layer multiplies from the left
  std::vector<std::int64_t> kernel_shape, strides, pads, dilations;  // Conv and ConvTranspose, as in the file
  std::int64_t group = 1;
  std::string auto_pad;
  bool transposed = false;  // Gemm with transB, i.e. the matrix view is out x in
};

// All uses of weights with a layer role by nodes of the main graph, in graph order. Layers inside If, Loop,
// Scan and functions have no tap (their values cannot be outputs).
std::vector<Tap> taps_of(const Model& model);

// The skeleton (inline) with `outputs` added to the main graph's outputs: name, element type FLOAT left to
// the runtime to infer. Names that are outputs already are not added again. Errors: as inline_skeleton; usage
// for a name that no node gives.
Skeleton tapped_skeleton(const Model& model, const std::vector<std::string>& outputs);

}  // namespace tt::model
