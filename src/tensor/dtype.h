// Element types of weights, their conversion, and shapes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace tt::tensor {

enum class DType : std::uint8_t { f32, f16, bf16, f64 };

std::uint64_t element_size(DType dtype);                      // bytes
std::string_view dtype_name(DType dtype);                     // "f32", "f16", "bf16", "f64"
std::string_view safetensors_name(DType dtype);               // "F32", "F16", "BF16", "F64"
std::optional<DType> dtype_from_name(std::string_view name);  // either spelling

using Shape = std::vector<std::uint64_t>;

// Product of the dimensions, 1 for a scalar. Errors: bad_data on overflow.
std::uint64_t element_count(const Shape& shape);
std::string shape_text(const Shape& shape);  // "768x3072", "scalar"

// IEEE 754 conversions, round to nearest even, overflow to infinity, NaN stays NaN. Same bits on every
// machine.
float half_to_float(std::uint16_t half);
std::uint16_t float_to_half(float value);
float bfloat_to_float(std::uint16_t value);
std::uint16_t float_to_bfloat(float value);

// Little-endian payload (C order) to float32 and back; f64 is rounded to nearest. Sizes must agree
// (asserted).
void to_float(DType dtype, base::ByteView payload, std::span<float> out);
void from_float(DType dtype, std::span<const float> values, std::span<std::uint8_t> payload);

// The numbers that hold all elements of a payload.
enum class ValueRange : std::uint8_t {
  float32,    // finite, also as float32
  float64,    // finite, but some f64 element is infinite as float32
  not_finite  // NaN or infinity among them
};
ValueRange range_of(DType dtype, base::ByteView payload);

// True if every element is finite in its own type and as float32.
bool all_finite(DType dtype, base::ByteView payload);

}  // namespace tt::tensor
