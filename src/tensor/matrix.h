// Views of dense row-major data.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tt::tensor {

// rows x cols float32, C order (row-major), not owned.
struct MatrixView {
  std::span<const float> values;
  std::uint64_t rows = 0, cols = 0;
};

// ||A||_F^2 in double: 32 sums of every 32nd square, added at the end. The same bits on every machine.
double squared_norm(std::span<const float> values);
// ||A - B||_F^2 in double in index order; sizes must agree.
double squared_distance(std::span<const float> a, std::span<const float> b);
// cols x rows of rows x cols.
std::vector<float> transposed(std::span<const float> values, std::uint64_t rows, std::uint64_t cols);

}  // namespace tt::tensor
