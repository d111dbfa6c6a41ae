#include "tensor/matrix.h"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "tensor/vector_clones.h"

namespace tt::tensor {
namespace {

constexpr std::size_t kSums = 32;  // independent chains of additions: wider than the latency of one

TT_VECTOR_CLONES void add_squares(const float* values, std::size_t count, double* sums) {
  for (std::size_t i = 0; i < count; i += kSums) {
    for (std::size_t k = 0; k < kSums; ++k)
      sums[k] += static_cast<double>(values[i + k]) * static_cast<double>(values[i + k]);
  }
}

}  // namespace

double squared_norm(std::span<const float> values) {
  double sums[kSums] = {};
  const std::size_t whole = values.size() / kSums * kSums;
  add_squares(values.data(), whole, sums);
  for (std::size_t i = whole; i < values.size(); ++i)
    sums[i - whole] += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  return std::accumulate(sums, sums + kSums, 0.0);
}

double squared_distance(std::span<const float> a, std::span<const float> b) {
  assert(a.size() == b.size());
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += difference * difference;
  }
  return sum;
}

std::vector<float> transposed(std::span<const float> values, std::uint64_t rows, std::uint64_t cols) {
  constexpr std::uint64_t kTile = 16;
  std::vector<float> out(values.size());
  for (std::uint64_t first = 0; first < rows; first += kTile)
    for (std::uint64_t j = 0; j < cols; ++j)
      for (std::uint64_t i = first; i < std::min(first + kTile, rows); ++i)
        out[j * rows + i] = values[i * cols + j];
  return out;
}

}  // namespace tt::tensor
