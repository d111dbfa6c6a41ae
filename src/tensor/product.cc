#include "tensor/product.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "base/checked.h"
#include "tensor/vector_clones.h"

namespace tt::tensor {
namespace {

// Sixteen columns side by side; the compiler lowers them to the registers of the clone it is compiling.
typedef float Lanes __attribute__((vector_size(64)));
constexpr std::uint64_t kLanes = 16;
constexpr std::uint64_t kTile = 2 * kLanes;  // columns of a tile
constexpr std::uint64_t kRows = 4;  // rows taken together, so that a loaded piece of b is used four times

struct Operands {
  const float* a;
  const float* b;
  float* out;
  std::uint64_t inner, cols;
};

// Not returned by value: that would be part of the calling convention, which differs between the clones.
inline __attribute__((always_inline)) void load(Lanes& lanes, const float* from) {
  std::memcpy(&lanes, from, sizeof lanes);
}

// A tile of kTile columns from `col` of the rows [first, last).
inline __attribute__((always_inline)) void tile_rows(const Operands& x, std::uint64_t first,
                                                     std::uint64_t last, std::uint64_t col) {
  for (; first + kRows <= last; first += kRows) {
    Lanes sum[kRows][2] = {};
    for (std::uint64_t k = 0; k < x.inner; ++k) {
      Lanes b[2];
      load(b[0], x.b + k * x.cols + col);
      load(b[1], x.b + k * x.cols + col + kLanes);
      for (std::uint64_t r = 0; r < kRows; ++r) {
        const float factor = x.a[(first + r) * x.inner + k];
        sum[r][0] += factor * b[0];
        sum[r][1] += factor * b[1];
      }
    }
    for (std::uint64_t r = 0; r < kRows; ++r)
      std::memcpy(x.out + (first + r) * x.cols + col, sum[r], sizeof sum[r]);
  }
  for (; first < last; ++first) {
    Lanes sum[2] = {};
    for (std::uint64_t k = 0; k < x.inner; ++k) {
      Lanes b[2];
      load(b[0], x.b + k * x.cols + col);
      load(b[1], x.b + k * x.cols + col + kLanes);
      const float factor = x.a[first * x.inner + k];
      sum[0] += factor * b[0];
      sum[1] += factor * b[1];
    }
    std::memcpy(x.out + first * x.cols + col, sum, sizeof sum);
  }
}

TT_VECTOR_CLONES void multiply_tiles(const Operands& x, std::uint64_t rows) {
  // 64 rows of a stay in the cache while all tiles of columns pass.
  for (std::uint64_t first = 0; first < rows; first += 64) {
    const std::uint64_t last = std::min(first + 64, rows);
    for (std::uint64_t col = 0; col + kTile <= x.cols; col += kTile) tile_rows(x, first, last, col);
  }
}

// The columns after the last whole tile.
TT_VECTOR_CLONES void multiply_rest(const Operands& x, std::uint64_t rows) {
  const std::uint64_t start = x.cols - x.cols % kTile;
  for (std::uint64_t row = 0; row < rows; ++row) {
    float* const sum = x.out + row * x.cols;
    for (std::uint64_t col = start; col < x.cols; ++col) sum[col] = 0;
    for (std::uint64_t k = 0; k < x.inner; ++k) {
      const float factor = x.a[row * x.inner + k];
      const float* const b = x.b + k * x.cols;
      for (std::uint64_t col = start; col < x.cols; ++col) sum[col] += factor * b[col];
    }
  }
}

std::vector<float> product(const std::vector<float>& a, const std::vector<float>& b, std::uint64_t rows,
                           std::uint64_t inner, std::uint64_t cols) {
  std::vector<float> out(rows * cols);
  fixed_order_product(a, b, rows, inner, cols, out);
  return out;
}

// Modes in the left half: max(P, Q) least, the smaller on a tie. A single mode is all left.
std::size_t halving_boundary(const std::vector<std::uint64_t>& modes) {
  std::size_t best = modes.size();
  std::uint64_t best_size = 0;
  for (std::size_t k = 1; k < modes.size(); ++k) {
    const std::span<const std::uint64_t> all(modes);
    const std::uint64_t left = base::checked_product(all.first(k), "size of a tensor train");
    const std::uint64_t right = base::checked_product(all.subspan(k), "size of a tensor train");
    if (best == modes.size() || std::max(left, right) < best_size)
      best = k, best_size = std::max(left, right);
  }
  return best;
}

}  // namespace

void fixed_order_product(std::span<const float> a, std::span<const float> b, std::uint64_t rows,
                         std::uint64_t inner, std::uint64_t cols, std::span<float> out) {
  assert(a.size() == rows * inner && b.size() == inner * cols && out.size() == rows * cols);
  const Operands operands{a.data(), b.data(), out.data(), inner, cols};
  multiply_tiles(operands, rows);
  if (cols % kTile != 0) multiply_rest(operands, rows);
}

TrainHalves contract_halves(const TensorTrain& train) {
  const std::size_t boundary = halving_boundary(train.modes);
  TrainHalves halves;
  halves.left = train.cores[0];
  halves.rows = train.modes[0];
  for (std::size_t k = 1; k < boundary; ++k) {
    const std::uint64_t cols = train.modes[k] * train.ranks[k + 1];
    halves.left = product(halves.left, train.cores[k], halves.rows, train.ranks[k], cols);
    halves.rows *= train.modes[k];
  }
  halves.rank = train.ranks[boundary];
  if (boundary == train.modes.size()) {
    halves.right.assign(1, 1.0f);
    return halves;
  }
  halves.right = train.cores.back();
  halves.cols = train.modes.back();
  for (std::size_t k = train.modes.size() - 1; k-- > boundary;) {
    halves.right = product(train.cores[k], halves.right, train.ranks[k] * train.modes[k], train.ranks[k + 1],
                           halves.cols);
    halves.cols *= train.modes[k];
  }
  return halves;
}

}  // namespace tt::tensor
