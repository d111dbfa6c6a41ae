// X^T X of a tall, narrow matrix, where BLAS stays far below the speed of the machine (OpenBLAS
// issues 2418 and 5629).
//
// Highway kernel: blocks of 256 rows, packed in panels of columns unless there are only one or two, are
// multiplied in float32 (fused), in tiles that stay in registers; every block is added to the result in
// double. Error up to 1e-6 ||X^T X||_F for a single block and below for many, as rounding errors of blocks
// average out.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tt::tensor {

// x: rows x cols, row-major; the squares of its entries and their sums over 256 rows must stay inside
// float32. Returns cols x cols in double, both triangles. The same CPU type gives the same bits; other vector
// widths differ in rounding.
std::vector<double> tall_gram(std::span<const float> x, std::uint64_t rows, std::uint64_t cols);

// True for the widths at which this was measured faster than OpenBLAS's ssyrk: 1.4 to 1.6 times on Zen 4 (one
// thread, 64 MiB); others are packed first, and level with it or slower there.
inline bool tall_gram_pays(std::uint64_t cols) {
  return cols == 32 || cols == 64;
}

}  // namespace tt::tensor
