// A weight seen as a tensor: what varies along each of its modes, and which of their slices are alike.
//
// The unfolding of mode k is the n_k x (rest) matrix whose row i is the slice i of the mode. Its Gram matrix
// (n_k x n_k, in double) says everything here.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/spectrum.h"

namespace tt::tensor {

inline constexpr std::uint64_t kMaxMode = 1024;  // longer modes get no profile

struct ModeProfile {
  std::uint64_t mode = 0, size = 0;  // index in the list of modes
  // Share of the variance of all elements that the means of the slices explain: 0 if all slices have the same
  // mean, 1 if an element depends on its slice alone.
  double variance_share = 0;
  // Of the cosines between two slices: the mean magnitude, the largest one and whose it is. 0 where a slice
  // is zero.
  double mean_correlation = 0, largest_correlation = 0;
  std::uint64_t first = 0, second = 0;
  Spectrum spectrum = {};              // of the unfolding
  std::vector<double> direction = {};  // of its strongest component, size; empty for a zero tensor
};

// Modes of 2 to kMaxMode. Errors: bad_data if the product of the modes is not the number of values, or one is
// not finite.
std::vector<ModeProfile> mode_profiles(std::span<const float> values,
                                       const std::vector<std::uint64_t>& modes);

}  // namespace tt::tensor
