#include "tensor/product_kernel.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/product_kernel.cc"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef TT_TENSOR_PRODUCT_KERNEL_ONCE
#define TT_TENSOR_PRODUCT_KERNEL_ONCE
namespace tt::tensor {
namespace {

constexpr std::uint64_t kMostLanes = 16, kLine = 64;  // floats in the widest vector; bytes

struct Product {
  const float *a, *b;
  std::uint64_t rows, inner, cols;
  float* out;
  float* packed;         // room for inner * groups * 2 * kMostLanes
  std::uint64_t groups;  // pairs of vectors that are packed together
  std::uint64_t lead;    // columns before the first whole line of the cache
  bool past_caches;
};

}  // namespace
}  // namespace tt::tensor
#endif

HWY_BEFORE_NAMESPACE();
namespace tt::tensor::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Float = hn::ScalableTag<float>;
using Vector = hn::Vec<Float>;

// Rows whose sums are kept in registers together, with two vectors of columns each: as many as hide the
// latency of the addition, and fit.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
constexpr std::uint64_t kRows = 8;
#else
constexpr std::uint64_t kRows = 4;
#endif

template <bool kPastCaches>
HWY_INLINE void put(Vector sum, float* to) {
  const Float d;
  if constexpr (kPastCaches) {
    hn::Stream(sum, d, to);
  } else {
    hn::StoreU(sum, d, to);
  }
}

// kCount rows of a (inner numbers each) times two vectors of columns in b, which lie `inner` times one after
// another; the rows of out are `cols` apart.
template <std::uint64_t kCount, bool kPastCaches>
HWY_INLINE void tile(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, std::uint64_t inner,
                     std::uint64_t cols, float* HWY_RESTRICT out) {
  const Float d;
  const std::size_t lanes = hn::Lanes(d);
  Vector sum[kCount][2];
  for (std::uint64_t r = 0; r < kCount; ++r) sum[r][0] = sum[r][1] = hn::Zero(d);
  for (std::uint64_t k = 0; k < inner; ++k) {
    const Vector b0 = hn::LoadU(d, b + 2 * k * lanes), b1 = hn::LoadU(d, b + (2 * k + 1) * lanes);
    for (std::uint64_t r = 0; r < kCount; ++r) {
      const Vector factor = hn::Set(d, a[r * inner + k]);
      // Never MulAdd: it would round once instead of twice.
      sum[r][0] = hn::Add(sum[r][0], hn::Mul(factor, b0));
      sum[r][1] = hn::Add(sum[r][1], hn::Mul(factor, b1));
    }
  }
  for (std::uint64_t r = 0; r < kCount; ++r) {
    put<kPastCaches>(sum[r][0], out + r * cols);
    put<kPastCaches>(sum[r][1], out + r * cols + lanes);
  }
}

// Copies `count` columns of b from `col`, in groups of two vectors, the last one filled up with zeros.
HWY_INLINE void pack(const Product& x, std::uint64_t col, std::uint64_t count) {
  const std::uint64_t width = 2 * hn::Lanes(Float());
  float* to = x.packed;
  for (std::uint64_t done = 0; done < count; done += width) {
    const std::uint64_t here = std::min(width, count - done);
    for (std::uint64_t k = 0; k < x.inner; ++k, to += width) {
      std::memcpy(to, x.b + k * x.cols + col + done, here * sizeof(float));
      std::memset(to + here, 0, (width - here) * sizeof(float));
    }
  }
}

// kCount rows times `groups` packed groups of columns.
template <std::uint64_t kCount, bool kPastCaches>
HWY_INLINE void line_of_tiles(const float* a, const Product& x, std::uint64_t groups, float* out) {
  const std::uint64_t width = 2 * hn::Lanes(Float());
  for (std::uint64_t g = 0; g < groups; ++g)
    tile<kCount, kPastCaches>(a, x.packed + g * width * x.inner, x.inner, x.cols, out + g * width);
}

template <bool kPastCaches>
HWY_INLINE void whole_groups(const Product& x, std::uint64_t groups, float* out) {
  std::uint64_t row = 0;
  for (; row + kRows <= x.rows; row += kRows)
    line_of_tiles<kRows, kPastCaches>(x.a + row * x.inner, x, groups, out + row * x.cols);
  for (; row < x.rows; ++row)
    line_of_tiles<1, kPastCaches>(x.a + row * x.inner, x, groups, out + row * x.cols);
}

// Fewer columns than a group has.
HWY_INLINE void narrow_group(const Product& x, std::uint64_t col, std::uint64_t count) {
  HWY_ALIGN float sums[2 * kMostLanes];
  pack(x, col, count);
  for (std::uint64_t row = 0; row < x.rows; ++row) {
    tile<1, false>(x.a + row * x.inner, x.packed, x.inner, 0, sums);
    std::memcpy(x.out + row * x.cols + col, sums, count * sizeof(float));
  }
}

void Multiply(const Product& x) {
  const std::uint64_t width = 2 * hn::Lanes(Float()), lead = std::min(x.lead, x.cols);
  std::uint64_t col = 0, count = 0;
  for (; col < lead; col += count) narrow_group(x, col, count = std::min(width, lead - col));
  for (; col + width <= x.cols; col += count) {
    const std::uint64_t groups = std::min(x.groups, (x.cols - col) / width);
    pack(x, col, count = groups * width);
    if (x.past_caches) {
      whole_groups<true>(x, groups, x.out + col);
    } else {
      whole_groups<false>(x, groups, x.out + col);
    }
  }
  if (col < x.cols) narrow_group(x, col, x.cols - col);
  if (x.past_caches) hwy::FlushStream();
}

}  // namespace tt::tensor::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tt::tensor {

HWY_EXPORT(Multiply);

void multiply_in_order(const float* a, const float* b, std::uint64_t rows, std::uint64_t inner,
                       std::uint64_t cols, float* out) {
  constexpr std::uint64_t kPastCachesFrom = std::uint64_t{1} << 23,
                          kInCache = std::uint64_t{1} << 15;  // elements
  // So many columns of b stay in the second cache while all rows pass, written in long pieces.
  const std::uint64_t most = std::max<std::uint64_t>(inner, 1) * 2 * kMostLanes;
  const std::uint64_t groups = std::clamp<std::uint64_t>(kInCache / most, 1, 16);
  std::vector<float> packed(groups * most);
  // Lines of the cache start at the same column of every row: they can be written whole.
  const bool past_caches = rows * cols >= kPastCachesFrom && cols % (kLine / sizeof(float)) == 0;
  const auto address = reinterpret_cast<std::uintptr_t>(out);
  const std::uint64_t lead = past_caches ? (kLine - address % kLine) % kLine / sizeof(float) : 0;
  HWY_DYNAMIC_DISPATCH(Multiply)
  ({a, b, rows, inner, cols, out, packed.data(), groups, lead, past_caches});
}

std::vector<std::int64_t> vector_targets() {
  return hwy::SupportedAndGeneratedTargets();
}

std::string vector_target_name(std::int64_t target) {
  return hwy::TargetName(target);
}

void force_vector_target(std::int64_t target) {
  hwy::SetSupportedTargetsForTest(target);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace tt::tensor
#endif  // HWY_ONCE
