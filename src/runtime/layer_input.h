// The distinct inputs of layers that calibration sums over, and what each weight has to do with them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/taps.h"
#include "runtime/patches.h"

namespace tt::runtime {

// How the rows of a statistic are taken from an array.
enum class InputKind : std::uint8_t {
  rows,      // a row along the last axis: x W, Gemm, the input of LSTM, GRU and RNN
  columns,   // a column along the last but one axis: W x
  patches,   // the patches of a convolution, all groups alike
  channels,  // a pixel's channels: ConvTranspose
  energies,  // mean square of a patch by output channel: depthwise convolutions
  tokens,    // how often each row of a table is looked up
  hidden,    // the state before each step: the outputs of a recurrent layer, shifted by one step
};
std::string_view input_kind_name(InputKind kind);  // "rows", ...

struct LayerInput {
  InputKind kind = InputKind::rows;
  std::string value;           // name of the array in the graph
  std::uint64_t size = 0;      // length of a row
  std::uint64_t copies = 1;    // energies: output channels of each input channel
  ConvGeometry conv;           // patches, energies
  std::string layer;           // the first node that has it, for messages

  bool diagonal() const { return kind == InputKind::tokens || kind == InputKind::energies; }
};
bool same_input(const LayerInput& a, const LayerInput& b);

// What stands for C of one weight.
struct WeightInput {
  std::vector<std::size_t> inputs;  // indices; several for a weight with several uses: they are summed
  unsigned axis = 1;                // of the matrix view
  std::uint64_t group = 1;          // channels of different groups do not meet (ConvTranspose)
  std::string note;                 // why there is none (C = I), or what is left out
};

struct LayerInputs {
  std::vector<LayerInput> inputs;    // in graph order
  std::vector<WeightInput> weights;  // one a weight of the model
};

// Errors: bad_data for attributes that contradict a weight's shape.
LayerInputs layer_inputs(const model::Model& model, const std::vector<model::Tap>& taps);

}  // namespace tt::runtime
