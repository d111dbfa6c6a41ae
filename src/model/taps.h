// Models with further outputs: the inputs and outputs of layers, for calibration and for limits on every
// layer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/model.h"

namespace tt::model {

// Where a layer of the main graph uses a weight. With X what goes in, Y what comes out and W the weight's
// matrix view (rows x cols):
//   Y = X W, or X W' if `transposed`; with weight_is_left Y = W X, or W' X;
//   recurrent: W and R are [directions, gates x hidden, in], one matrix view out x in a direction;
//   kernels: (out, in / group, kh, kw), of ConvTranspose (in, out / group, kh, kw);
//   embedding: rows of W by the indices X.
struct Tap {
  std::size_t weight = 0;  // index into Model::weights()
  std::string node, op;    // as Weight::nodes
  // Names of the values that go in (its data input) and come out (after the Add of a bias that follows
  // directly: that one's output). An input may be one of the graph, or a constant; it is empty where no value
  // of the graph goes in (the state of a recurrent layer, positions of an embedding).
  std::string input, output;
  std::string sequence;           // recurrent: X [steps, batch, in] of the layer, also for its R
  bool weight_is_left = false;    // MatMul(W, x): the layer multiplies from the left
  bool transposed = false;        // Gemm with transB (transA for a weight on the left), Transpose nodes
  bool input_transposed = false;  // Gemm with transA (transB): Y = X' W
  bool reshaped = false;  // W goes through a Reshape or the like: only the order of its elements is kept
  std::vector<std::int64_t> kernel_shape, strides, pads, dilations;  // Conv and ConvTranspose, as in the file
  std::int64_t group = 1;
  std::string auto_pad;
};

// All uses of weights with a layer role by nodes of the main graph, in graph order. Layers inside If, Loop,
// Scan and functions have no tap (their values cannot be outputs). Safetensors files have none.
std::vector<Tap> taps_of(const Model& model);

// Those of `names` that a node of the main graph gives, in their order: only these can become outputs.
std::vector<std::string> given_values(const Model& model, const std::vector<std::string>& names);

// The skeleton (inline) with `outputs` added to the main graph's outputs: by name alone, the runtime infers
// type and shape. Names that are outputs already are not added again. Errors: as inline_skeleton; usage for a
// name that no node of the main graph gives, and for safetensors files.
Skeleton tapped_skeleton(const Model& model, const std::vector<std::string>& outputs);

}  // namespace tt::model
