#include "tensor/dtype.h"

#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>

#include "base/checked.h"
#include "tensor/vector_clones.h"

namespace tt::tensor {
namespace {

struct DTypeRow {
  DType dtype;
  std::uint64_t size;
  std::string_view name, safetensors;
};
constexpr std::array<DTypeRow, 4> kTypes{{{DType::f32, 4, "f32", "F32"},
                                          {DType::f16, 2, "f16", "F16"},
                                          {DType::bf16, 2, "bf16", "BF16"},
                                          {DType::f64, 8, "f64", "F64"}}};

const DTypeRow& row_of(DType dtype) {
  return kTypes.at(static_cast<std::size_t>(dtype));
}

// The conversions below have no branch that depends on data, so that the loops over them vectorise. They
// follow IEEE 754 and, for NaN, what F16C does: the payload's upper bits stay and the quiet bit is set.
inline float widen_half(std::uint32_t half) {
  constexpr std::uint32_t kInfinity = 0x7c00u << 13;
  const std::uint32_t magnitude = (half & 0x7fffu) << 13;
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const std::uint32_t normal = magnitude + ((127u - 15u) << 23);
  const std::uint32_t quiet = magnitude > kInfinity ? 0x00400000u : 0u;
  const std::uint32_t special = (magnitude | 0x7f800000u) | quiet;
  // A denormal half is mantissa * 2^-24: put the mantissa under the exponent of 2^-14 and subtract 2^-14.
  constexpr std::uint32_t kSmallest = (127u - 14u) << 23;
  const float denormal = std::bit_cast<float>(magnitude + kSmallest) - std::bit_cast<float>(kSmallest);
  const std::uint32_t finite = magnitude < (0x0400u << 13) ? std::bit_cast<std::uint32_t>(denormal) : normal;
  return std::bit_cast<float>((magnitude >= kInfinity ? special : finite) | sign);
}

inline std::uint16_t narrow_half(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t special = magnitude > 0x7f800000u ? 0x7e00u | ((magnitude >> 13) & 0x3ffu) : 0x7c00u;
  // Adding 1/2 leaves a multiple of 2^-24 in the low bits, rounded to nearest even by the addition itself.
  constexpr std::uint32_t kHalf = 126u << 23;
  const float aligned = std::bit_cast<float>(magnitude) + std::bit_cast<float>(kHalf);
  const std::uint32_t denormal = std::bit_cast<std::uint32_t>(aligned) - kHalf;
  const std::uint32_t normal = (magnitude - ((127u - 15u) << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  const std::uint32_t finite = magnitude < (113u << 23) ? denormal : normal;
  return static_cast<std::uint16_t>((magnitude >= (143u << 23) ? special : finite) | sign);
}

inline float widen_bfloat(std::uint32_t value) {
  const std::uint32_t quiet = (value & 0x7fffu) > 0x7f80u ? 0x00400000u : 0u;
  return std::bit_cast<float>((value << 16) | quiet);
}

inline std::uint16_t narrow_bfloat(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const std::uint32_t quiet = (bits >> 16) | 0x40u;
  return static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}

TT_VECTOR_CLONES void widen_halves(const std::uint8_t* from, float* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] = widen_half(base::load_le<std::uint16_t>(from + 2 * i));
}
TT_VECTOR_CLONES void narrow_halves(const float* from, std::uint8_t* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) base::store_le(to + 2 * i, narrow_half(from[i]));
}
TT_VECTOR_CLONES void widen_bfloats(const std::uint8_t* from, float* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] = widen_bfloat(base::load_le<std::uint16_t>(from + 2 * i));
}
TT_VECTOR_CLONES void narrow_bfloats(const float* from, std::uint8_t* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) base::store_le(to + 2 * i, narrow_bfloat(from[i]));
}
void narrow_doubles(const std::uint8_t* from, float* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<float>(base::load_le<double>(from + 8 * i));
}
void widen_floats(const float* from, std::uint8_t* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) base::store_le(to + 8 * i, static_cast<double>(from[i]));
}

// True if no element has all the bits of `mask` (its exponent field) set.
template <typename T>
bool none_has(base::ByteView payload, T mask) {
  bool found = false;
  for (std::size_t i = 0; i + sizeof(T) <= payload.size(); i += sizeof(T)) {
    found |= (base::load_le<T>(payload.data() + i) & mask) == mask;
  }
  return !found;
}

bool doubles_finite(base::ByteView payload) {
  bool finite = true;
  for (std::size_t i = 0; i + 8 <= payload.size(); i += 8) {
    finite &= std::isfinite(static_cast<float>(base::load_le<double>(payload.data() + i)));
  }
  return finite;
}

}  // namespace

std::uint64_t element_size(DType dtype) {
  return row_of(dtype).size;
}
std::string_view dtype_name(DType dtype) {
  return row_of(dtype).name;
}
std::string_view safetensors_name(DType dtype) {
  return row_of(dtype).safetensors;
}

std::optional<DType> dtype_from_name(std::string_view name) {
  for (const DTypeRow& row : kTypes) {
    if (name == row.name || name == row.safetensors) return row.dtype;
  }
  return std::nullopt;
}

std::uint64_t element_count(const Shape& shape) {
  return base::checked_product(shape, "number of elements of shape " + shape_text(shape));
}

std::string shape_text(const Shape& shape) {
  if (shape.empty()) return "scalar";
  std::string text;
  for (const std::uint64_t dimension : shape) {
    if (!text.empty()) text += 'x';
    text += std::to_string(dimension);
  }
  return text;
}

float half_to_float(std::uint16_t half) {
  return widen_half(half);
}
std::uint16_t float_to_half(float value) {
  return narrow_half(value);
}
float bfloat_to_float(std::uint16_t value) {
  return widen_bfloat(value);
}
std::uint16_t float_to_bfloat(float value) {
  return narrow_bfloat(value);
}

void to_float(DType dtype, base::ByteView payload, std::span<float> out) {
  assert(payload.size() == out.size() * element_size(dtype));
  if (out.empty()) return;
  switch (dtype) {
    case DType::f32:
      std::memcpy(out.data(), payload.data(), payload.size());
      break;
    case DType::f16:
      widen_halves(payload.data(), out.data(), out.size());
      break;
    case DType::bf16:
      widen_bfloats(payload.data(), out.data(), out.size());
      break;
    case DType::f64:
      narrow_doubles(payload.data(), out.data(), out.size());
      break;
  }
}

void from_float(DType dtype, std::span<const float> values, std::span<std::uint8_t> payload) {
  assert(payload.size() == values.size() * element_size(dtype));
  if (values.empty()) return;
  switch (dtype) {
    case DType::f32:
      std::memcpy(payload.data(), values.data(), payload.size());
      break;
    case DType::f16:
      narrow_halves(values.data(), payload.data(), values.size());
      break;
    case DType::bf16:
      narrow_bfloats(values.data(), payload.data(), values.size());
      break;
    case DType::f64:
      widen_floats(values.data(), payload.data(), values.size());
      break;
  }
}

bool all_finite(DType dtype, base::ByteView payload) {
  switch (dtype) {
    case DType::f32:
      return none_has<std::uint32_t>(payload, 0x7f800000u);
    case DType::f16:
      return none_has<std::uint16_t>(payload, 0x7c00u);
    case DType::bf16:
      return none_has<std::uint16_t>(payload, 0x7f80u);
    case DType::f64:
      return doubles_finite(payload);
  }
  return false;
}

ValueRange range_of(DType dtype, base::ByteView payload) {
  if (all_finite(dtype, payload)) return ValueRange::float32;
  const bool wide = dtype == DType::f64 && none_has<std::uint64_t>(payload, 0x7ff0000000000000u);
  return wide ? ValueRange::float64 : ValueRange::not_finite;
}

}  // namespace tt::tensor
