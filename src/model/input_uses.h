// What a graph does first with its inputs: which are numbers of a table's rows, which go into a convolution.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/model.h"

namespace tt::model {

struct InputUse {
  std::string input;                  // of the main graph
  std::optional<std::size_t> table;   // weight whose rows it looks up, through nodes that keep its values
  std::optional<std::size_t> kernel;  // weight of a convolution that sees it, through arithmetic with
                                      // constants, cuts, padding, scaling and normalisation
  std::optional<std::size_t> bias;    // of that convolution
};

// One entry for every such input, by the first layer in graph order that has it; layers inside If, Loop, Scan
// and functions do not count. Empty for safetensors files.
std::vector<InputUse> input_uses(const Model& model);

}  // namespace tt::model
