// Reproducible data for tests.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

inline std::vector<float> random_values(std::size_t count, unsigned seed, float scale = 1) {
  std::mt19937 generator(seed);
  std::vector<float> values(count);
  // Sum of four uniforms: near normal, and the same on every standard library.
  for (float& value : values) {
    float sum = 0;
    for (int i = 0; i < 4; ++i) sum += static_cast<float>(generator() >> 8) / 16777216.0f - 0.5f;
    value = sum * scale;
  }
  return values;
}

// rows x cols of about the given rank plus noise.
inline std::vector<float> low_rank_values(std::uint64_t rows, std::uint64_t cols, std::uint64_t rank,
                                          float noise, unsigned seed) {
  const std::vector<float> left = random_values(rows * rank, seed),
                           right = random_values(rank * cols, seed + 1);
  std::vector<float> values = random_values(rows * cols, seed + 2, noise);
  for (std::uint64_t i = 0; i < rows; ++i) {
    for (std::uint64_t k = 0; k < rank; ++k) {
      for (std::uint64_t j = 0; j < cols; ++j)
        values[i * cols + j] += left[i * rank + k] * right[k * cols + j];
    }
  }
  return values;
}
