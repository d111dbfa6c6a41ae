#include "runtime/drawn_noise.h"

#include <algorithm>
#include <cmath>

#include "tensor/random.h"

namespace tt::runtime {
namespace {

// One axis of linear interpolation: two neighbours on a grid and how much of the second.
struct Place {
  std::uint64_t cell;
  double part;
};

std::vector<Place> places(std::uint64_t size, std::uint64_t cell, double shift) {
  std::vector<Place> places(size);
  for (std::uint64_t i = 0; i < size; ++i) {
    const double at = static_cast<double>(i) / static_cast<double>(cell) + shift;
    places[i] = {static_cast<std::uint64_t>(at), at - std::floor(at)};
  }
  return places;
}

// Adds noise of one cell size, scaled to a variance of 1.
void add_octave(std::uint64_t seed, std::uint64_t cell, std::uint64_t height, std::uint64_t width,
                std::vector<float>& out) {
  const double shift_y = 0.5 + 0.5 * tensor::random_uniform(seed, 0);
  const double shift_x = 0.5 + 0.5 * tensor::random_uniform(seed, 1);
  const std::vector<Place> rows = places(height, cell, shift_y), cols = places(width, cell, shift_x);
  const std::uint64_t stride = width / cell + 3;
  const auto value = [&](std::uint64_t y, std::uint64_t x) {
    return tensor::random_uniform(seed, 2 + y * stride + x);
  };
  // Uniform values have a variance of 1/3, means of two neighbours 2/3 of it along each axis; single cells
  // are not smoothed but by the shift, the same for all of them.
  const double scale = std::sqrt(3.0) * (cell == 1 ? 1.0 : 1.5);
  for (std::uint64_t y = 0; y < height; ++y)
    for (std::uint64_t x = 0; x < width; ++x) {
      const auto [row, down] = rows[y];
      const auto [col, right] = cols[x];
      const double top = (1 - right) * value(row, col) + right * value(row, col + 1);
      const double bottom = (1 - right) * value(row + 1, col) + right * value(row + 1, col + 1);
      out[y * width + x] += static_cast<float>(scale * ((1 - down) * top + down * bottom));
    }
}

}  // namespace

std::vector<float> drawn_noise(std::uint64_t seed, std::uint64_t height, std::uint64_t width) {
  std::vector<float> noise(height * width);
  std::uint64_t octaves = 0;
  for (std::uint64_t cell = 1; cell < 2 * std::max(height, width); cell *= 2, ++octaves)
    add_octave(tensor::random_bits(seed, octaves), cell, height, width, noise);
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(octaves)));
  for (float& value : noise) value *= scale;
  return noise;
}

}  // namespace tt::runtime
