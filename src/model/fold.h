// A model without the nodes that only change weights: BatchNormalization in the layer before or behind it,
// and nodes whose inputs are all constants. What is left says the same with fewer numbers, so it is cheaper
// to store at equal quality.
//
// BatchNormalization (inference): y = s x + t with s = scale / sqrt(var + epsilon), t = B - s mean, channels
// on axis 1 (https://onnx.ai/onnx/operators/onnx__BatchNormalization.html).
//   behind a layer x = W u + b:   W' = diag(s) W,  b' = s b + t
//   before a layer y' = W y + b:  W' = W diag(s),  b' = b + W t     (not where padding would have to be t)
// Layers are Conv, ConvTranspose, Gemm and MatMul (of a matrix), with a bias as input or as the Add that
// follows; before: Conv and Gemm. Arithmetic in double, the result rounded once to the weight's type.
//
// Constants: Identity, Cast, Reshape, Transpose, Squeeze, Unsqueeze, Add, Sub, Mul, Div, Concat of floats,
// with the very values that a runtime computes, where the result is not larger than the inputs that vanish.
//
// Left alone: what is used more than once, gives an output of the model or is used inside a subgraph or
// function, results that are not finite or that the weight's type holds too coarsely (bfloat16), models with
// training information or quantization annotations, and operators before opset 7.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/model.h"

namespace tt::model {

// Relative rounding error (Frobenius) above which a folded weight is left alone: passes float16.
inline constexpr double kMaxFoldRounding = 5e-4;
// Bytes of all new values together; they are held in memory with the new model file.
inline constexpr std::uint64_t kMaxFoldBytes = std::uint64_t{512} << 20;

struct FoldOptions {
  std::function<bool(const Weight&)> keep;  // weights that must not change or vanish; none if empty
};

// A weight of the folded model that is not one of the original's as it was. Empty vectors are ones (scales)
// or zeros (shift). With X, W of the original and X', W' of the folded model, channel by channel:
//   W' = diag(output_scale) W diag(input_scale),  X = input_scale X' + input_shift.
// One that constant nodes gave is made of `original` by them; there W is what the original's layer saw.
struct FoldedWeight {
  std::string weight;    // in the folded model
  std::string original;  // in the original; empty for a bias that it did not have
  bool constant_nodes = false;
  std::vector<double> output_scale, input_scale, input_shift;
};

struct FoldReport {
  std::uint64_t batch_normalizations = 0, constant_nodes = 0;  // folded, both
  std::vector<FoldedWeight> weights;                           // in the order of the folded model
  // Optional inputs (with a default value) that are plain constants or gone now: they would say something
  // else than before. Inputs without a default are never touched.
  std::vector<std::string> dropped_inputs;
  std::map<std::string, std::uint64_t> left;  // BatchNormalization nodes left alone, by reason
};

// The folded model, in memory but for external data, which it shares with `model`; nothing if there is
// nothing to fold (also for safetensors). Errors: as Model::open and Model::read.
std::optional<Model> folded(const Model& model, FoldReport& report, const FoldOptions& options = {});

}  // namespace tt::model
