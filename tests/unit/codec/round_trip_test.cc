// What every codec promises, over dtypes, shapes and kinds of data.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "base/error.h"
#include "codec/codec.h"
#include "samples.h"

using namespace tt;
using codec::Encoding;
using codec::Format;
using tensor::DType;

static const DType kDTypes[] = {DType::f32, DType::f16, DType::bf16, DType::f64};

TEST_CASE("raw and lossless give every bit back, whatever the bits") {
  for (const Format format : {Format::raw, Format::lossless}) {
    for (const DType dtype : kDTypes) {
      for (const std::uint64_t count : {0u, 1u, 2u, 16u, 100u, 1000u, 5000u, 70000u}) {
        for (int kind = 0; kind < kSampleKinds; ++kind) {
          CAPTURE(count);
          CAPTURE(kind);
          const codec::WeightData weight = sample_weight(dtype, {count}, kind);
          const std::vector<codec::Core> cores = encode(weight, {.format = format});
          REQUIRE(decode(weight.layout, {.format = format}, cores) == weight.payload);
          REQUIRE(cores[0].bytes.size() <= weight.payload.size() + 1);
          REQUIRE(encode(weight, {.format = format})[0].bytes == cores[0].bytes);
        }
      }
    }
  }
}

TEST_CASE("several blocks arrive in order and in pieces of bounded size") {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const codec::WeightData weight = sample_weight(dtype, {1100, 1000}, 0);
    for (const Format format : {Format::raw, Format::lossless, Format::f16}) {
      const Encoding encoding{.format = format};
      const std::vector<codec::Core> cores = encode(weight, encoding);
      std::uint64_t done = 0;
      codec::codec_for(format).decode(weight.layout, encoding, codec::MemoryCores(cores),
                                      [&](std::uint64_t offset, base::ByteView piece) {
                                        REQUIRE(offset == done);
                                        REQUIRE(piece.size() <= (4u << 20));
                                        done += piece.size();
                                      });
      CHECK(done == weight.payload.size());
    }
    CHECK(decode(weight.layout, {.format = Format::lossless}, encode(weight, {.format = Format::lossless})) ==
          weight.payload);
  }
}

TEST_CASE("lossless makes floats smaller, zero planes vanish, repetition goes to zstd") {
  const Encoding lossless{.format = Format::lossless};
  const auto ratio = [&](const codec::WeightData& weight) {
    return static_cast<double>(weight.payload.size()) /
           static_cast<double>(encode(weight, lossless)[0].bytes.size());
  };
  CHECK(ratio(sample_weight(DType::f32, {400, 500}, 0)) > 1.17);
  CHECK(ratio(sample_weight(DType::bf16, {400, 500}, 0)) > 1.4);
  CHECK(ratio(sample_weight(DType::f16, {400, 500}, 0)) > 1.1);
  CHECK(ratio(halves_as_floats({400, 500})) > 2.2);
  CHECK(ratio(sample_weight(DType::f32, {400, 500}, 4)) > 1000);
  CHECK(ratio(repeated_rows(500, 400)) > 50);
  CHECK(ratio(half_zero({400, 500})) > 2.0);
}

TEST_CASE("estimates are within 2 percent of what is written") {
  for (const DType dtype : kDTypes) {
    for (const std::uint64_t rows : {2u, 40u, 700u}) {
      for (const int kind : {0, 1}) {
        const codec::WeightData weight = sample_weight(dtype, {rows, 450}, kind);
        const auto within = [](std::uint64_t estimate, std::uint64_t size) {
          return std::abs(static_cast<double>(estimate) - static_cast<double>(size)) <=
                 0.02 * static_cast<double>(size) + 4;
        };
        CHECK(within(codec::estimate_lossless(weight),
                     encode(weight, {.format = Format::lossless})[0].bytes.size()));
        if (kind != 0) continue;
        for (const unsigned mantissa : {1u, 3u, 4u, 7u, 10u}) {
          const Encoding half{.format = Format::f16, .mantissa = mantissa};
          CHECK(within(codec::estimate_f16(weight.values(), mantissa), encode(weight, half)[0].bytes.size()));
        }
      }
    }
  }
}

TEST_CASE("f16 decodes to round_half of every value") {
  for (const DType dtype : kDTypes) {
    for (const unsigned mantissa : {1u, 2u, 4u, 5u, 9u, 10u}) {
      const Encoding encoding{.format = Format::f16, .mantissa = mantissa};
      const codec::WeightData weight = sample_weight(dtype, {3000}, 0);
      const codec::WeightData back{weight.layout, decode(weight.layout, encoding, encode(weight, encoding))};
      std::vector<float> expected = weight.values();
      for (float& value : expected) value = codec::round_half(value, mantissa);
      base::Bytes payload(weight.payload.size());
      tensor::from_float(dtype, expected, payload);
      REQUIRE(back.payload == payload);
      const double error =
          codec::relative_error(weight, encoding, codec::MemoryCores(encode(weight, encoding)));
      CHECK(error <= std::ldexp(0.6, -static_cast<int>(mantissa)) + (dtype == DType::bf16 ? 0.002 : 0.0));
    }
  }
}

TEST_CASE("rounded keeps what it promises, is smaller bit by bit and idempotent") {
  for (const DType dtype : kDTypes) {
    const codec::WeightData weight = sample_weight(dtype, {60, 500}, 0);
    std::size_t larger = encode(weight, {.format = Format::lossless})[0].bytes.size() + 1;
    for (unsigned bits = codec::mantissa_bits(dtype) - 1; bits >= 1; bits -= std::min(bits, 3u)) {
      CAPTURE(bits);
      const Encoding encoding{.format = Format::rounded, .mantissa = bits};
      const std::vector<codec::Core> cores = encode(weight, encoding);
      const codec::WeightData back{weight.layout, decode(weight.layout, encoding, cores)};
      CHECK(back.payload == codec::round_mantissa(weight, bits).payload);
      CHECK(codec::round_mantissa(back, bits).payload == back.payload);
      CHECK(codec::relative_error(weight, encoding, codec::MemoryCores(cores)) <=
            std::ldexp(0.6, -static_cast<int>(bits)));
      CHECK(cores[0].bytes.size() < larger + (bits > 23));  // the samples are float32 in every type
      larger = cores[0].bytes.size();
    }
  }
}

TEST_CASE("rounded refuses overflow, values that are not finite, and all bits of the type") {
  codec::WeightData weight = sample_weight(DType::f32, {64}, 0);
  CHECK_THROWS_AS(
      codec::codec_for(Format::rounded).check(weight.layout, {.format = Format::rounded, .mantissa = 23}),
      base::Error);
  base::store_le(weight.payload.data(), std::numeric_limits<float>::max());
  CHECK_THROWS_AS(encode(weight, {.format = Format::rounded, .mantissa = 12}), base::Error);
  base::store_le(weight.payload.data(), INFINITY);
  CHECK_THROWS_AS(encode(weight, {.format = Format::rounded, .mantissa = 12}), base::Error);
}

TEST_CASE("round_half rounds once, to nearest even") {
  CHECK(codec::round_half(1.0f + std::ldexp(1.0f, -11), 10) == 1.0f);
  CHECK(codec::round_half(1.0f + 3 * std::ldexp(1.0f, -11), 10) == 1.0f + std::ldexp(1.0f, -9));
  CHECK(codec::round_half(1.25f, 1) == 1.0f);
  CHECK(codec::round_half(1.75f, 1) == 2.0f);
  // Through ten bits this would become a tie and go up.
  CHECK(codec::round_half(1.25f - std::ldexp(1.0f, -20), 1) == 1.0f);
  CHECK(codec::round_half(std::ldexp(1.0f, -24), 10) == std::ldexp(1.0f, -24));
  CHECK(codec::round_half(std::ldexp(1.0f, -26), 10) == 0.0f);
  CHECK(std::isnan(codec::round_half(std::nanf(""), 1)));
  CHECK(std::isinf(codec::round_half(-INFINITY, 3)));
  for (unsigned half = 0; half < 0x7c00; ++half) {
    const float value = tensor::half_to_float(static_cast<std::uint16_t>(half));
    REQUIRE(codec::round_half(value, 10) == value);
  }
}

TEST_CASE("f16 refuses what is too large and keeps NaN and infinity") {
  const auto weight_of = [](float value) {
    codec::WeightData weight{{DType::f32, {1}, 1, 1}, base::Bytes(4)};
    base::store_le(weight.payload.data(), value);
    return weight;
  };
  CHECK_THROWS_WITH_AS(encode(weight_of(70000), {.format = Format::f16}), "value too large for f16",
                       base::Error);
  CHECK_THROWS_AS(encode(weight_of(65000), {.format = Format::f16, .mantissa = 3}), base::Error);
  const auto back = [&](float value) {
    const codec::WeightData weight = weight_of(value);
    return base::load_le<float>(decode(weight.layout, {.format = Format::f16, .mantissa = 1},
                                       encode(weight, {.format = Format::f16, .mantissa = 1}))
                                    .data());
  };
  CHECK(std::isinf(back(INFINITY)));
  CHECK(std::isnan(back(std::nanf(""))));
  CHECK(std::signbit(back(-0.0f)));
}
