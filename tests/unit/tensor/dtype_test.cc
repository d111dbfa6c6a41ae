#include "tensor/dtype.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "base/error.h"

using namespace tt;
using tensor::DType;

TEST_CASE("names and sizes") {
  CHECK(tensor::dtype_from_name("BF16") == DType::bf16);
  CHECK(tensor::dtype_from_name("f64") == DType::f64);
  CHECK_FALSE(tensor::dtype_from_name("i8").has_value());
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16, DType::f64}) {
    CHECK(tensor::dtype_from_name(tensor::dtype_name(dtype)) == dtype);
    CHECK(tensor::dtype_from_name(tensor::safetensors_name(dtype)) == dtype);
  }
  CHECK(tensor::shape_text({}) == "scalar");
  CHECK(tensor::shape_text({768, 3072}) == "768x3072");
  CHECK(tensor::element_count({}) == 1);
  CHECK(tensor::element_count({3, 0, 4}) == 0);
  CHECK_THROWS_AS(tensor::element_count({std::uint64_t{1} << 40, std::uint64_t{1} << 40}), base::Error);
}

// The value of a half by its definition.
static double half_value(unsigned half) {
  const int exponent = static_cast<int>(half >> 10 & 31u);
  const double mantissa = half & 0x3ffu;
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return half & 0x8000u ? -magnitude : magnitude;
}

TEST_CASE("every half widens to its value and comes back") {
  for (unsigned half = 0; half < 65536; ++half) {
    const auto bits = static_cast<std::uint16_t>(half);
    const float wide = tensor::half_to_float(bits);
    if ((half & 0x7fffu) > 0x7c00u) {
      REQUIRE(std::isnan(wide));
      REQUIRE((tensor::float_to_half(wide) | 0x200u) == (bits | 0x200u));
    } else {
      if ((half & 0x7fffu) < 0x7c00u) REQUIRE(static_cast<double>(wide) == half_value(half));
      REQUIRE(std::signbit(wide) == (half >= 0x8000u));
      REQUIRE(tensor::float_to_half(wide) == bits);
    }
  }
}

TEST_CASE("halves round to nearest even") {
  for (unsigned half = 0; half < 0x7bffu; ++half) {
    const auto low = static_cast<std::uint16_t>(half), high = static_cast<std::uint16_t>(half + 1);
    const float middle = static_cast<float>((half_value(low) + half_value(high)) / 2);
    REQUIRE(tensor::float_to_half(middle) == (half % 2 == 0 ? low : high));
    REQUIRE(tensor::float_to_half(std::nextafter(middle, 0.0f)) == low);
    REQUIRE(tensor::float_to_half(std::nextafter(middle, 1e9f)) == high);
  }
  CHECK(tensor::float_to_half(65519.0f) == 0x7bff);
  CHECK(tensor::float_to_half(65520.0f) == 0x7c00);
  CHECK(tensor::float_to_half(-1e38f) == 0xfc00);
  CHECK(tensor::float_to_half(std::numeric_limits<float>::denorm_min()) == 0);
}

TEST_CASE("every bfloat16 comes back, ties go to even") {
  for (unsigned value = 0; value < 65536; ++value) {
    const auto bits = static_cast<std::uint16_t>(value);
    const float wide = tensor::bfloat_to_float(bits);
    if (std::isnan(wide)) {
      REQUIRE((tensor::float_to_bfloat(wide) | 0x40u) == (bits | 0x40u));
    } else {
      REQUIRE(tensor::float_to_bfloat(wide) == bits);
    }
  }
  CHECK(tensor::float_to_bfloat(std::bit_cast<float>(0x3f808000u)) == 0x3f80);
  CHECK(tensor::float_to_bfloat(std::bit_cast<float>(0x3f818000u)) == 0x3f82);
  CHECK(std::isinf(tensor::bfloat_to_float(tensor::float_to_bfloat(std::numeric_limits<float>::max()))));
}

TEST_CASE("payloads convert there and back") {
  const std::vector<float> values{0.0f, -0.0f, 1.0f, -2.5f, 0.099975586f, 65504.0f};
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16, DType::f64}) {
    base::Bytes payload(values.size() * tensor::element_size(dtype));
    tensor::from_float(dtype, values, payload);
    std::vector<float> back(values.size());
    tensor::to_float(dtype, payload, back);
    CHECK(tensor::all_finite(dtype, payload));
    for (std::size_t i = 0; i < values.size(); ++i) {
      CHECK(std::abs(back[i] - values[i]) <= (dtype == DType::bf16 ? std::abs(values[i]) / 256 : 0.0f));
    }
    tensor::from_float(dtype, std::vector<float>(values.size(), std::numeric_limits<float>::infinity()),
                       payload);
    CHECK_FALSE(tensor::all_finite(dtype, payload));
  }
}

TEST_CASE("the range of the values is told") {
  using tensor::ValueRange;
  base::Bytes payload(16);
  auto range = [&](double value) {
    base::store_le(payload.data(), value);
    return tensor::range_of(DType::f64, payload);
  };
  CHECK(range(3.4e38) == ValueRange::float32);
  CHECK(range(-1e300) == ValueRange::float64);
  CHECK_FALSE(tensor::all_finite(DType::f64, payload));
  CHECK(range(-std::numeric_limits<double>::infinity()) == ValueRange::not_finite);
  CHECK(range(std::numeric_limits<double>::quiet_NaN()) == ValueRange::not_finite);
  base::store_le(payload.data() + 8, 1e300);
  CHECK(range(std::numeric_limits<double>::quiet_NaN()) == ValueRange::not_finite);
  for (DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    base::Bytes small(tensor::element_size(dtype));
    CHECK(tensor::range_of(dtype, small) == ValueRange::float32);
    tensor::from_float(dtype, std::vector<float>{std::numeric_limits<float>::infinity()}, small);
    CHECK(tensor::range_of(dtype, small) == ValueRange::not_finite);
  }
}
