#include "tensor/product_kernel.h"

#include <algorithm>
#include <cassert>
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
  float* packed;         // of `groups` groups, or of all columns
  std::uint64_t groups;  // pairs of vectors that stay in the second cache while all rows pass
  std::uint64_t lead;    // columns before the first whole line of the cache
  bool past_caches;
};

}  // namespace
}  // namespace tt::tensor
#endif

HWY_BEFORE_NAMESPACE();
namespace tt::tensor::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Rows whose sums are kept in registers together, with two vectors of columns each: as many as hide the
// latency of the addition, and fit.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
constexpr std::uint64_t kRows = 8;
// AMD's first processors with AVX-512 take two steps for a vector of 512 bits, and are faster with 256.
inline bool half_vectors() {
  static const bool amd = __builtin_cpu_is("amd") != 0;
  return amd;
}
using Half = hn::CappedTag<float, kMostLanes / 2>;
#else
constexpr std::uint64_t kRows = 4;
constexpr bool half_vectors() {
  return false;
}
using Half = hn::ScalableTag<float>;
#endif

using Float = hn::ScalableTag<float>;

template <bool kPastCaches, typename D>
HWY_INLINE void put(D d, hn::Vec<D> sum, float* to) {
  if constexpr (kPastCaches) {
    hn::Stream(sum, d, to);
  } else {
    hn::StoreU(sum, d, to);
  }
}

// kCount rows of a (inner numbers each) times two vectors of columns in b, which lie `inner` times one after
// another; the rows of out are `cols` apart.
template <std::uint64_t kCount, bool kPastCaches, typename D>
HWY_INLINE void tile(D d, const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, std::uint64_t inner,
                     std::uint64_t cols, float* HWY_RESTRICT out) {
  using Vector = hn::Vec<D>;
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
    put<kPastCaches>(d, sum[r][0], out + r * cols);
    put<kPastCaches>(d, sum[r][1], out + r * cols + lanes);
  }
}

// Copies `count` columns of b from `col` in groups of two vectors, the last one filled up with zeros.
template <typename D>
HWY_INLINE void pack(D d, const Product& x, std::uint64_t col, std::uint64_t count, float* to) {
  const std::uint64_t width = 2 * hn::Lanes(d);
  for (std::uint64_t done = 0; done < count; done += width) {
    const std::uint64_t here = std::min(width, count - done);
    for (std::uint64_t k = 0; k < x.inner; ++k, to += width) {
      std::memcpy(to, x.b + k * x.cols + col + done, here * sizeof(float));
      std::memset(to + here, 0, (width - here) * sizeof(float));
    }
  }
}

// kCount rows times `groups` packed groups of columns.
template <std::uint64_t kCount, bool kPastCaches, typename D>
HWY_INLINE void line_of_tiles(D d, const float* a, const Product& x, const float* packed,
                              std::uint64_t groups, float* out) {
  const std::uint64_t width = 2 * hn::Lanes(d);
  for (std::uint64_t g = 0; g < groups; ++g)
    tile<kCount, kPastCaches>(d, a, packed + g * width * x.inner, x.inner, x.cols, out + g * width);
}

template <bool kPastCaches, typename D>
HWY_INLINE void whole_groups(D d, const Product& x, const float* packed, std::uint64_t groups, float* out) {
  std::uint64_t row = 0;
  for (; row + kRows <= x.rows; row += kRows)
    line_of_tiles<kRows, kPastCaches>(d, x.a + row * x.inner, x, packed, groups, out + row * x.cols);
  for (; row < x.rows; ++row)
    line_of_tiles<1, kPastCaches>(d, x.a + row * x.inner, x, packed, groups, out + row * x.cols);
}

// Fewer columns than a group has.
template <typename D>
HWY_INLINE void narrow_group(D d, const Product& x, const float* packed, std::uint64_t col,
                             std::uint64_t count) {
  HWY_ALIGN float sums[2 * kMostLanes];
  for (std::uint64_t row = 0; row < x.rows; ++row) {
    tile<1, false>(d, x.a + row * x.inner, packed, x.inner, 0, sums);
    std::memcpy(x.out + row * x.cols + col, sums, count * sizeof(float));
  }
}

template <typename D>
HWY_INLINE void multiply(D d, const Product& x) {
  const std::uint64_t width = 2 * hn::Lanes(d), lead = std::min(x.lead, x.cols);
  std::uint64_t col = 0, count = 0;
  for (; col < lead; col += count) {
    pack(d, x, col, count = std::min(width, lead - col), x.packed);
    narrow_group(d, x, x.packed, col, count);
  }
  for (; col + width <= x.cols; col += count) {
    const std::uint64_t groups = std::min(x.groups, (x.cols - col) / width);
    pack(d, x, col, count = groups * width, x.packed);
    if (x.past_caches) {
      whole_groups<true>(d, x, x.packed, groups, x.out + col);
    } else {
      whole_groups<false>(d, x, x.packed, groups, x.out + col);
    }
  }
  if (col < x.cols) {
    pack(d, x, col, x.cols - col, x.packed);
    narrow_group(d, x, x.packed, col, x.cols - col);
  }
  if (x.past_caches) hwy::FlushStream();
}

// With all of b packed already.
template <typename D>
HWY_INLINE void multiply_packed(D d, const Product& x) {
  const std::uint64_t width = 2 * hn::Lanes(d);
  std::uint64_t col = 0, count = 0;
  for (; col + width <= x.cols; col += count) {
    const std::uint64_t groups = std::min(x.groups, (x.cols - col) / width);
    whole_groups<false>(d, x, x.packed + col * x.inner, groups, x.out + col);
    count = groups * width;
  }
  if (col < x.cols) narrow_group(d, x, x.packed + col * x.inner, col, x.cols - col);
}

// `work` with the tag of the vectors to use.
template <typename Work>
HWY_INLINE void with_vectors(const Work& work) {
  if (half_vectors()) {
    work(Half());
  } else {
    work(Float());
  }
}

void Multiply(const Product& x) {
  with_vectors([&x](auto d) { multiply(d, x); });
}
void MultiplyPacked(const Product& x) {
  with_vectors([&x](auto d) { multiply_packed(d, x); });
}
void PackAll(const Product& x) {
  with_vectors([&x](auto d) { pack(d, x, 0, x.cols, x.packed); });
}

}  // namespace tt::tensor::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tt::tensor {

HWY_EXPORT(Multiply);
HWY_EXPORT(MultiplyPacked);
HWY_EXPORT(PackAll);

namespace {

// Floats of the widest group of columns, and how many such groups stay in the second cache.
std::uint64_t group_size(std::uint64_t inner) {
  return std::max<std::uint64_t>(inner, 1) * 2 * kMostLanes;
}
std::uint64_t groups_in_cache(std::uint64_t inner) {
  constexpr std::uint64_t kInCache = std::uint64_t{1} << 15;  // floats
  return std::clamp<std::uint64_t>(kInCache / group_size(inner), 1, 16);
}

}  // namespace

void multiply_in_order(const float* a, const float* b, std::uint64_t rows, std::uint64_t inner,
                       std::uint64_t cols, float* out) {
  constexpr std::uint64_t kPastCachesFrom = std::uint64_t{1} << 23;  // elements
  const std::uint64_t groups = groups_in_cache(inner);
  std::vector<float> packed(groups * group_size(inner));
  // Lines of the cache start at the same column of every row: they can be written whole.
  const bool past_caches = rows * cols >= kPastCachesFrom && cols % (kLine / sizeof(float)) == 0;
  const auto address = reinterpret_cast<std::uintptr_t>(out);
  const std::uint64_t lead = past_caches ? (kLine - address % kLine) % kLine / sizeof(float) : 0;
  HWY_DYNAMIC_DISPATCH(Multiply)
  ({a, b, rows, inner, cols, out, packed.data(), groups, lead, past_caches});
}

PackedFactor::PackedFactor(std::span<const float> b, std::uint64_t inner, std::uint64_t cols)
    : inner_(inner), cols_(cols), packed_(inner * (cols + 2 * kMostLanes)) {
  HWY_DYNAMIC_DISPATCH(PackAll)({nullptr, b.data(), 0, inner, cols, nullptr, packed_.data(), 0, 0, false});
}

void PackedFactor::multiply(std::span<const float> a, std::uint64_t rows, std::span<float> out) const {
  assert(a.size() == rows * inner_ && out.size() == rows * cols_);
  float* const packed = const_cast<float*>(packed_.data());  // only read from here on
  HWY_DYNAMIC_DISPATCH(MultiplyPacked)
  ({a.data(), nullptr, rows, inner_, cols_, out.data(), packed, groups_in_cache(inner_), 0, false});
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
