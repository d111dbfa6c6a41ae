// Fitting the weights with which codes are predicted from their neighbours.
#pragma once

#include <array>
#include <vector>

#include "codec/code_coder.h"
#include "codec/code_model.h"

namespace tt::codec {

// Distances back to the second neighbour that are tried; 0, none, is always allowed.
inline constexpr std::array<std::uint8_t, 5> kDistances = {0, 3, 5, 7, 28};

// `parameters` with the weights for each of the first `distances` distances, by a pass in which nothing is
// predicted.
std::vector<CodeParameters> fit_weights(const CodeMatrix& sample, CodeParameters parameters,
                                        std::size_t distances);

}  // namespace tt::codec
