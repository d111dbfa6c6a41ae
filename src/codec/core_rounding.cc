#include "codec/core_rounding.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace tt::codec {

void check_core_dtype(const Encoding& encoding) {
  if (encoding.dtype == tensor::DType::f16 || encoding.dtype == tensor::DType::f32) return;
  throw base::Error(base::ErrorKind::usage,
                    "bad value '" + std::string(tensor::dtype_name(encoding.dtype)) + "' for key 'dtype'",
                    "cores are f16 or f32");
}

bool fits_half(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::abs(value) < 65520.0f; });
}

std::vector<float> rounded_core(std::span<const float> values, tensor::DType dtype) {
  std::vector<float> out(values.begin(), values.end());
  if (dtype == tensor::DType::f32) return out;
  if (!fits_half(values)) {
    throw base::Error(base::ErrorKind::usage, "value of a core too large for f16", "give dtype=f32");
  }
  for (float& value : out) value = tensor::half_to_float(tensor::float_to_half(value));
  return out;
}

Core make_core(const CoreLayout& layout, std::span<const float> values) {
  Core core{layout, base::Bytes(values.size() * tensor::element_size(*layout.dtype))};
  tensor::from_float(*layout.dtype, values, core.bytes);
  return core;
}

void balance(tensor::LowRank& factors) {
  for (std::uint64_t k = 0; k < factors.rank; ++k) {
    float left = 0, right = 0;
    for (std::uint64_t i = 0; i < factors.rows; ++i)
      left = std::max(left, std::abs(factors.left[i * factors.rank + k]));
    for (std::uint64_t j = 0; j < factors.cols; ++j)
      right = std::max(right, std::abs(factors.right[k * factors.cols + j]));
    if (left == 0 || right == 0 || !std::isfinite(left) || !std::isfinite(right)) continue;
    const int shift = (std::ilogb(right) - std::ilogb(left)) / 2;
    for (std::uint64_t i = 0; i < factors.rows; ++i) {
      float& value = factors.left[i * factors.rank + k];
      value = std::ldexp(value, shift);
    }
    for (std::uint64_t j = 0; j < factors.cols; ++j) {
      float& value = factors.right[k * factors.cols + j];
      value = std::ldexp(value, -shift);
    }
  }
}

}  // namespace tt::codec
