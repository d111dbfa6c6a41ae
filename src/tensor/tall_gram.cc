#include "tensor/tall_gram.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/tall_gram.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef TT_TENSOR_TALL_GRAM_ONCE
#define TT_TENSOR_TALL_GRAM_ONCE
namespace tt::tensor {
namespace {

constexpr std::uint64_t kBlock = 256;  // rows whose products are summed in float32
constexpr std::uint64_t kPanel = 32;   // columns that are packed together

// Rows in panels of kPanel columns: distances in elements between rows of a panel and between panels.
struct Block {
  const float* values;
  std::uint64_t stride, panel;
};

}  // namespace
}  // namespace tt::tensor
#endif

HWY_BEFORE_NAMESPACE();
namespace tt::tensor::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Float = hn::CappedTag<float, kPanel / 2>;
using Vector = hn::Vec<Float>;

#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
constexpr std::uint64_t kRows = 8;
#else
constexpr std::uint64_t kRows = 4;
#endif

HWY_INLINE void add_row(const float* HWY_RESTRICT sums, std::uint64_t count, double* HWY_RESTRICT to) {
  const hn::ScalableTag<double> wide;
  const hn::Rebind<float, decltype(wide)> narrow;
  std::uint64_t j = 0;
  for (; j + hn::Lanes(wide) <= count; j += hn::Lanes(wide))
    hn::StoreU(hn::Add(hn::LoadU(wide, to + j), hn::PromoteTo(wide, hn::LoadU(narrow, sums + j))), wide,
               to + j);
  for (; j < count; ++j) to[j] += static_cast<double>(sums[j]);
}

// kRows columns of the panel `a` against two vectors of columns of the panel `b`, over `count` rows that
// are `stride` apart; adds to
// gram, whose rows are `cols` apart, only where the row is below last_row and the column below last_col.
HWY_INLINE void tile(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, std::uint64_t stride,
                     std::uint64_t count, double* HWY_RESTRICT gram, std::uint64_t cols,
                     std::uint64_t last_row, std::uint64_t last_col) {
  const Float d;
  const std::size_t lanes = hn::Lanes(d);
  Vector sum[kRows][2];
  for (std::uint64_t r = 0; r < kRows; ++r) sum[r][0] = sum[r][1] = hn::Zero(d);
  for (std::uint64_t i = 0; i < count; ++i) {
    const Vector b0 = hn::LoadU(d, b + i * stride), b1 = hn::LoadU(d, b + i * stride + lanes);
    for (std::uint64_t r = 0; r < kRows; ++r) {
      const Vector factor = hn::Set(d, a[i * stride + r]);
      sum[r][0] = hn::MulAdd(factor, b0, sum[r][0]);
      sum[r][1] = hn::MulAdd(factor, b1, sum[r][1]);
    }
  }
  HWY_ALIGN float sums[kPanel];
  for (std::uint64_t r = 0; r < std::min(kRows, last_row); ++r) {
    hn::StoreU(sum[r][0], d, sums);
    hn::StoreU(sum[r][1], d, sums + lanes);
    add_row(sums, std::min<std::uint64_t>(2 * lanes, last_col), gram + r * cols);
  }
}

// The upper triangle gets the products of the `count` packed rows; panels below the diagonal are left out.
void AddBlock(const Block& x, std::uint64_t count, std::uint64_t cols, double* gram) {
  const std::uint64_t step = 2 * hn::Lanes(Float());
  for (std::uint64_t row = 0; row < cols; row += kRows) {
    const float* const a = x.values + row / kPanel * x.panel + row % kPanel;
    for (std::uint64_t col = row / step * step; col < cols; col += step) {
      const float* const b = x.values + col / kPanel * x.panel + col % kPanel;
      tile(a, b, x.stride, count, gram + row * cols + col, cols, cols - row, cols - col);
    }
  }
}

}  // namespace tt::tensor::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tt::tensor {

HWY_EXPORT(AddBlock);

std::vector<double> tall_gram(std::span<const float> x, std::uint64_t rows, std::uint64_t cols) {
  assert(x.size() == rows * cols);
  const std::uint64_t panels = (cols + kPanel - 1) / kPanel;
  std::vector<double> gram(cols * cols);
  // Rows that are short lie together already.
  const bool in_place = cols == kPanel || cols == 2 * kPanel;
  // The columns that fill up the last panel stay zero.
  std::vector<float> packed(panels * kPanel * kBlock);
  for (std::uint64_t first = 0; first < rows; first += kBlock) {
    const std::uint64_t count = std::min(kBlock, rows - first);
    if (in_place) {
      HWY_DYNAMIC_DISPATCH(AddBlock)({x.data() + first * cols, cols, kPanel}, count, cols, gram.data());
      continue;
    }
    for (std::uint64_t i = 0; i < count; ++i) {
      const float* const from = x.data() + (first + i) * cols;
      for (std::uint64_t p = 0; p < panels; ++p) {
        std::memcpy(packed.data() + (p * kBlock + i) * kPanel, from + p * kPanel,
                    std::min(kPanel, cols - p * kPanel) * sizeof(float));
      }
    }
    HWY_DYNAMIC_DISPATCH(AddBlock)({packed.data(), kPanel, kPanel * kBlock}, count, cols, gram.data());
  }
  for (std::uint64_t i = 0; i < cols; ++i) {
    for (std::uint64_t j = 0; j < i; ++j) gram[i * cols + j] = gram[j * cols + i];
  }
  return gram;
}

}  // namespace tt::tensor
#endif  // HWY_ONCE
