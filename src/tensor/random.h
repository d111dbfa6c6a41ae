// Counter-based random numbers: the value depends on (seed, index) alone, so that any thread may draw any
// part of a sequence and the result is the same on every machine.
//
// splitmix64 (Steele, Lea, Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014, figure 17) of
// the index-th state after `seed`.
#pragma once

#include <cstdint>

namespace tt::tensor {

constexpr std::uint64_t random_bits(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Uniform in [-1, 1), a multiple of 2^-52.
constexpr double random_uniform(std::uint64_t seed, std::uint64_t index) {
  return static_cast<double>(random_bits(seed, index) >> 11) * 0x1p-52 - 1.0;
}

}  // namespace tt::tensor
