// blockquant: what is stored, what comes back, and what broken cores do.
#include "codec/blockquant.h"

#include <doctest/doctest.h>

#include <cmath>

#include "base/error.h"
#include "codec/cursor.h"
#include "samples.h"

using namespace tt;
using codec::Encoding;
using codec::Format;
using tensor::DType;
using tensor::Metric;

static Encoding block(unsigned bits, std::uint64_t group, unsigned axis) {
  return {.format = Format::blockquant, .bits = bits, .group = group, .axis = axis};
}
static Metric diagonal_of(std::uint64_t n, unsigned axis) {
  Metric metric{Metric::Kind::diagonal, axis, n, 1, {}};
  for (std::uint64_t i = 0; i < n; ++i) metric.values.push_back(1 + static_cast<double>(i % 5));
  return metric;
}
struct Stored {
  std::vector<float> scales;
  std::vector<std::int32_t> codes;
};
static Stored stored(const codec::WeightData& weight, const Encoding& encoding,
                     const std::vector<codec::Core>& cores) {
  Stored read;
  codec::read_blockquant(
      weight.layout, encoding, codec::MemoryCores(cores),
      [&](std::vector<float> scales) { read.scales = std::move(scales); },
      [&](std::uint64_t row, std::span<const std::int32_t> codes) {
        REQUIRE(row * weight.layout.cols == read.codes.size());
        read.codes.insert(read.codes.end(), codes.begin(), codes.end());
      });
  return read;
}

TEST_CASE("a weight decodes to scale times code, for all forms, types and sizes") {
  REQUIRE(one_thread);
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16, DType::f64})
    for (const tensor::Shape& shape :
         {tensor::Shape{40, 50}, tensor::Shape{1, 16}, tensor::Shape{33, 1}, tensor::Shape{3, 70}})
      for (const unsigned axis : {0u, 1u})
        for (const unsigned bits : {4u, 8u})
          for (const std::uint64_t group : {0u, 16u, 64u}) {
            const codec::WeightData weight = sample_weight(dtype, shape, 0);
            const Encoding encoding = block(bits, group, axis);
            const std::vector<codec::Core> cores = encode(weight, encoding);
            const Stored read = stored(weight, encoding, cores);
            CHECK(read.scales.size() == codec::scale_count(weight.layout, encoding));
            const std::uint64_t cols = weight.layout.cols, groups = tensor::group_count(cols, group);
            std::vector<float> expected;
            for (std::uint64_t i = 0; i < read.codes.size(); ++i) {
              const std::uint64_t r = i / cols, c = i % cols;
              const std::uint64_t at = axis == 1 ? r * groups + (group == 0 ? 0 : c / group)
                                                 : (group == 0 ? 0 : r / group) * cols + c;
              expected.push_back(static_cast<float>(read.codes[i]) * read.scales[at]);
            }
            base::Bytes payload(weight.payload.size());
            tensor::from_float(dtype, expected, payload);
            CHECK(decode(weight.layout, encoding, cores) == payload);
            CHECK(codec::relative_error(weight, encoding, codec::MemoryCores(cores)) <
                  (bits == 4 ? 0.25 : 0.02));
            CHECK(encode(weight, encoding)[0].bytes == cores[0].bytes);
          }
}

TEST_CASE("what is predicted is what decodes, with every metric") {
  const codec::WeightData weight = sample_weight(DType::f32, {120, 96}, 0);
  for (const unsigned axis : {0u, 1u})
    for (const unsigned along : {0u, 1u}) {
      const Metric metric = diagonal_of(along == 1 ? 96 : 120, along);
      const tensor::SicPlan plan(metric);
      for (const auto& [bits, group] : {std::pair{4u, 32u}, std::pair{4u, 0u}, std::pair{8u, 16u}}) {
        const Encoding encoding = block(bits, group, axis);
        const codec::BlockPoint point = codec::BlockQuantiser(weight, &plan, axis).at(bits, group);
        const std::vector<codec::Core> cores =
            codec::codec_for(Format::blockquant).encode(weight, encoding, {.metric = &metric});
        const codec::MemoryCores reader(cores);
        CHECK(point.output_error ==
              doctest::Approx(codec::output_error(weight, encoding, reader, metric)).epsilon(2e-3));
        CHECK(point.weight_error ==
              doctest::Approx(codec::relative_error(weight, encoding, reader)).epsilon(1e-4));
        CHECK(point.bytes == doctest::Approx(static_cast<double>(cores[0].bytes.size())).epsilon(0.02));
      }
    }
}

TEST_CASE("some of the outputs predict bytes and error of all") {
  const codec::WeightData weight = sample_weight(DType::f32, {2400, 128}, 0);
  const Metric tokens = diagonal_of(2400, 0);
  const tensor::SicPlan plan(tokens);
  for (const tensor::SicPlan* known : {static_cast<const tensor::SicPlan*>(nullptr), &plan}) {
    const codec::BlockPoint all = codec::BlockQuantiser(weight, known, 1).at(4, 32);
    const codec::BlockPoint some = codec::BlockQuantiser(weight, known, 1, 65536).at(4, 32);
    CHECK(some.bytes == doctest::Approx(all.bytes).epsilon(0.02));
    CHECK(some.output_error == doctest::Approx(all.output_error).epsilon(0.02));
  }
}

TEST_CASE("the file is smaller than what runtimes read") {
  const codec::WeightData weight = sample_weight(DType::f32, {300, 256}, 0);
  for (const auto& [bits, group] : {std::pair{4u, 32u}, std::pair{4u, 0u}, std::pair{8u, 0u}}) {
    const Encoding encoding = block(bits, group, 1);
    const double payload =
        300 * 256 * bits / 8.0 + 4.0 * static_cast<double>(codec::scale_count(weight.layout, encoding));
    CHECK(static_cast<double>(encode(weight, encoding)[0].bytes.size()) < 0.95 * payload);
  }
}

TEST_CASE("values that round beyond their type stay inside") {
  codec::WeightData weight = sample_weight(DType::f16, {1, 32}, 4);
  for (std::size_t i = 0; i < 32; ++i)
    base::store_le(weight.payload.data() + 2 * i,
                   static_cast<std::uint16_t>(i % 2 == 0 ? 0x7bff : 0x7b00 + i));  // 65504 and below
  for (const unsigned bits : {4u, 8u}) {
    const Encoding encoding = block(bits, 16, 1);
    const codec::WeightData back{weight.layout, decode(weight.layout, encoding, encode(weight, encoding))};
    for (const float value : back.values()) CHECK(std::isfinite(value));
  }
}

TEST_CASE("several bands come back, and empty weights have cores") {
  const codec::WeightData weight = sample_weight(DType::f32, {1300, 2000}, 0);
  for (const unsigned axis : {0u, 1u}) {
    const std::vector<codec::Core> cores = encode(weight, block(4, 64, axis));
    CHECK(codec::relative_error(weight, block(4, 64, axis), codec::MemoryCores(cores)) < 0.15);
  }
  for (const tensor::Shape& shape : {tensor::Shape{0, 5}, tensor::Shape{5, 0}})
    CHECK(decode(layout_of(DType::f32, shape), block(4, 16, 1),
                 encode(sample_weight(DType::f32, shape, 0), block(4, 16, 1)))
              .empty());
}

TEST_CASE("blockquant refuses what it does not take") {
  const codec::Codec& codec = codec::codec_for(Format::blockquant);
  const auto kind_of = [](const auto& act) {
    try {
      act();
    } catch (const base::Error& error) {
      return error.kind();
    }
    return base::ErrorKind::internal;
  };
  CHECK(kind_of([&] {
          codec.check(layout_of(DType::f32, {4, 4}), block(5, 16, 1));
        }) == base::ErrorKind::usage);
  CHECK(kind_of([&] {
          codec.check(layout_of(DType::f32, {4, 4}), block(4, 16, codec::kNoAxis));
        }) == base::ErrorKind::usage);
  CHECK(kind_of([&] {
          codec.check(layout_of(DType::f32, {1, 1u << 25}), block(4, 16, 1));
        }) == base::ErrorKind::usage);
  CHECK(kind_of([&] {
          codec.check(layout_of(DType::f32, {1u << 27, 1}), block(4, 0, 1));
        }) == base::ErrorKind::usage);
  CHECK(kind_of([&] {
          encode(sample_weight(DType::f32, {20, 20}, 2), block(4, 16, 1));
        }) == base::ErrorKind::bad_data);
}

// Cores made by hand: each wrong in one way.
TEST_CASE("scales and codes out of range, and bytes left over, are corrupt") {
  const codec::WeightData weight = sample_weight(DType::f32, {8, 32}, 0);
  const auto fails = [&](const Encoding& encoding, const base::Bytes& bytes) {
    try {
      decode(weight.layout, encoding, {{{std::nullopt, {bytes.size()}}, bytes}});
    } catch (const base::Error& error) {
      return error.kind() == base::ErrorKind::corrupt;
    }
    return false;
  };
  const base::Bytes good = encode(weight, block(8, 16, 1))[0].bytes;
  CHECK_FALSE(fails(block(8, 16, 1), good));
  CHECK(fails(block(4, 16, 1), good));  // codes of eight bits
  CHECK(fails(block(8, 32, 1), good));  // half as many scales
  base::Bytes huge = good, tiny = good;
  base::store_le(huge.data(), std::int16_t{32000});
  base::store_le(tiny.data(), std::int16_t{-32000});
  CHECK(fails(block(8, 16, 1), huge));
  CHECK(fails(block(8, 16, 1), tiny));
  const codec::WeightData empty = sample_weight(DType::f32, {0, 5}, 0);
  base::Bytes more = encode(empty, block(8, 16, 1))[0].bytes;
  more.push_back(0);
  CHECK_THROWS_AS(decode(empty.layout, block(8, 16, 1), {{{std::nullopt, {more.size()}}, more}}),
                  base::Error);
}
