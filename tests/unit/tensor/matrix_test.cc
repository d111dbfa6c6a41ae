#include "tensor/matrix.h"

#include <doctest/doctest.h>

#include "random_values.h"

using namespace tt;

TEST_CASE("every element changes sides, whatever the shape, and twice is the same again") {
  const std::uint64_t shapes[][2] = {{0, 5}, {1, 1}, {1, 40}, {40, 1}, {16, 16}, {17, 33}};
  for (const auto& [rows, cols] : shapes) {
    CAPTURE(rows);
    CAPTURE(cols);
    const std::vector<float> values = random_values(rows * cols, 3);
    const std::vector<float> turned = tensor::transposed(values, rows, cols);
    bool same = true;
    for (std::uint64_t i = 0; i < rows; ++i)
      for (std::uint64_t j = 0; j < cols; ++j) same &= turned[j * rows + i] == values[i * cols + j];
    CHECK(same);
    CHECK(tensor::transposed(turned, cols, rows) == values);
  }
}
