// Noise with the spectrum of photographs.
#pragma once

#include <cstdint>
#include <vector>

namespace tt::runtime {

// height x width values of about zero mean and unit variance whose amplitude falls as 1 / frequency: every
// octave, from cells of one element to cells of the longer side, has the same variance. The values depend on
// `seed` alone.
std::vector<float> drawn_noise(std::uint64_t seed, std::uint64_t height, std::uint64_t width);

}  // namespace tt::runtime
