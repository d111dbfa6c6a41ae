// X^T X of rows that arrive piece by piece, in double: what a layer's error is measured with.
#pragma once

#include <cstdint>
#include <span>

namespace tt::tensor {

// gram += X^T X, upper triangle only. x: rows x cols, row-major; gram: cols x cols, row-major. Products of two
// elements are exact in double, sums are rounded; panels of a fixed number of rows go through BLAS, so that the
// same calls give the same bits on one CPU type. Errors: resource_limit if `cols` is above 2^31 - 1.
void add_row_gram(std::span<const float> x, std::uint64_t rows, std::uint64_t cols, std::span<double> gram);

}  // namespace tt::tensor
