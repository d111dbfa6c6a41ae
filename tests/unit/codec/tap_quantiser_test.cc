// tucker: what is promised, what comes back, and what broken cores do.
#include "codec/tap_quantiser.h"

#include <doctest/doctest.h>

#include <cmath>

#include "base/error.h"
#include "codec/code_coder.h"
#include "codec/cursor.h"
#include "samples.h"

using namespace tt;
using codec::Encoding;
using codec::Format;
using tensor::DType;
using tensor::Metric;

static Encoding at_step(double step) {
  return {.format = Format::tucker, .step = step};
}
// Neighbouring taps are alike.
static std::vector<float> smooth_values(std::uint64_t count, std::uint64_t taps) {
  std::vector<float> values = bell_values(count, 11);
  for (std::size_t at = 0; at < values.size(); ++at)
    if (at % taps != 0) values[at] = 0.9f * values[at - 1] + 0.2f * values[at];
  return values;
}
static codec::WeightData smooth_kernels(const tensor::Shape& shape) {
  std::uint64_t taps = 1;
  for (std::size_t d = 2; d < shape.size(); ++d) taps *= shape[d];
  return weight_from(smooth_values(tensor::element_count(shape), taps), shape);
}

TEST_CASE("what is predicted is what decodes, in every metric") {
  const codec::WeightData weight = smooth_kernels({80, 12, 3, 3});
  for (const Metric& metric : {Metric{Metric::Kind::identity, 1, 108, 0, {}}, metric_of(108, 1)}) {
    const tensor::SicPlan plan(metric);
    REQUIRE(codec::has_tap_basis(weight, plan));
    const codec::TapQuantiser quantiser(weight, plan);
    double last = 2;
    for (const double step : {1.0, 0.5, 0.2, 0.05, 0.01}) {
      const codec::QuantPoint point = quantiser.at(step);
      const std::vector<codec::Core> cores = encode_for(weight, at_step(step), &metric);
      const codec::MemoryCores reader(cores);
      REQUIRE(cores.size() == 1);
      CHECK(point.bytes ==
            doctest::Approx(static_cast<double>(cores[0].bytes.size())).epsilon(0.03).scale(200));
      CHECK(codec::output_error(weight, at_step(step), reader, metric) ==
            doctest::Approx(point.output_error).epsilon(0.01));
      CHECK(codec::relative_error(weight, at_step(step), reader) ==
            doctest::Approx(point.weight_error).epsilon(0.15));
      CHECK(point.output_error < last);
      last = point.output_error;
    }
  }
}

TEST_CASE("smooth kernels take a fifth fewer bytes than by quant at equal error") {
  const codec::WeightData weight = smooth_kernels({96, 24, 3, 3});
  const Metric metric = metric_of(216, 1);
  for (const double step : {0.3, 0.05}) {
    const std::vector<codec::Core> cores = encode_for(weight, at_step(step), &metric);
    const double error = codec::output_error(weight, at_step(step), codec::MemoryCores(cores), metric);
    const tensor::SicPlan plan(metric);
    const codec::Quantiser quantiser(weight, plan);
    double other = 1;
    while (quantiser.at(other).output_error > error) other /= 1.02;
    CHECK(1.25 * static_cast<double>(cores[0].bytes.size()) < quantiser.at(other).bytes);
  }
}

TEST_CASE("kernels of other types, of one dimension, of one channel, of zeros and of large values") {
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16, DType::f64}) {
    const tensor::Shape shape{20, 8, 5};
    codec::WeightData weight{layout_of(dtype, shape), base::Bytes(800 * tensor::element_size(dtype))};
    tensor::from_float(dtype, smooth_values(800, 5), weight.payload);
    weight.layout.rows = 20, weight.layout.cols = 40;
    CHECK(codec::relative_error(weight, at_step(0.1),
                                codec::MemoryCores(encode_for(weight, at_step(0.1), nullptr))) < 0.2);
  }
  codec::WeightData depthwise = smooth_kernels({64, 1, 3, 3});
  CHECK(codec::relative_error(depthwise, at_step(0.1),
                              codec::MemoryCores(encode_for(depthwise, at_step(0.1), nullptr))) < 0.15);
  const codec::WeightData zeros = weight_from(std::vector<float>(72), {4, 2, 3, 3});
  CHECK(decode(zeros.layout, at_step(0.5), encode_for(zeros, at_step(0.5), nullptr)) == zeros.payload);
  CHECK_THROWS_AS(encode_for(weight_from(std::vector<float>(72, 1e38f), {4, 2, 3, 3}), at_step(0.5), nullptr),
                  base::Error);
}

TEST_CASE("a rate is met") {
  const codec::WeightData weight = smooth_kernels({128, 16, 3, 3});
  const Encoding encoding{.format = Format::tucker, .rate = 1.5};
  const std::vector<codec::Core> cores = encode_for(weight, encoding, nullptr);
  CHECK(static_cast<double>(cores[0].bytes.size()) * 8 / (128 * 144) == doctest::Approx(1.5).epsilon(0.03));
}

TEST_CASE("what is no kernel is refused") {
  const codec::Codec& codec = codec::codec_for(Format::tucker);
  const auto refused = [&](const tensor::Shape& shape, const Encoding& encoding) {
    try {
      codec.check(layout_of(DType::f32, shape), encoding);
      return false;
    } catch (const base::Error& error) {
      CHECK(error.kind() == base::ErrorKind::usage);
      return true;
    }
  };
  CHECK_FALSE(refused({8, 4, 3, 3}, at_step(0.1)));
  CHECK_FALSE(refused({8, 4, 64}, at_step(0.1)));
  CHECK(refused({8, 36}, at_step(0.1)));
  CHECK(refused({8, 4, 1, 1}, at_step(0.1)));
  CHECK(refused({8, 4, 65}, at_step(0.1)));
  CHECK(refused({8, 4, 9, 9}, at_step(0.1)));
  CHECK(refused({8, 0, 3, 3}, at_step(0.1)));
  CHECK(refused({8, 4, 3, 3}, {.format = Format::tucker}));
  CHECK(refused({8, 4, 3, 3}, {.format = Format::tucker, .rate = 1, .step = 1}));
  // The inputs along the rows: a transposed convolution.
  const codec::WeightData weight = smooth_kernels({12, 4, 3, 3});
  const Metric down = metric_of(12, 0);
  CHECK_THROWS_AS(encode_for(weight, at_step(0.1), &down), base::Error);
  const std::uint64_t wide = codec::kMostKernelInputs / 9 + 1;
  CHECK_THROWS_AS(encode_for(smooth_kernels({2, wide, 3, 3}), at_step(0.1), nullptr), base::Error);
}

TEST_CASE("broken cores are corrupt") {
  const codec::WeightData weight = smooth_kernels({16, 6, 3, 3});
  const std::vector<codec::Core> cores = encode_for(weight, at_step(0.1), nullptr);
  const auto corrupt = [&](base::Bytes bytes) {
    try {
      decode(weight.layout, at_step(0.1), {{{std::nullopt, {bytes.size()}}, bytes}});
      return false;
    } catch (const base::Error& error) {
      CHECK(error.kind() == base::ErrorKind::corrupt);
      return true;
    }
  };
  for (std::size_t size = 0; size < cores[0].bytes.size(); ++size)
    CHECK(corrupt({cores[0].bytes.begin(), cores[0].bytes.begin() + static_cast<std::ptrdiff_t>(size)}));
  base::Bytes longer = cores[0].bytes;
  longer.push_back(0);
  CHECK(corrupt(longer));
  // A function beyond 1, before good coefficients.
  std::vector<std::int32_t> functions(81, 0);
  functions[5] = tensor::kTapUnit + 1;
  const base::Bytes stream = codec::encode_codes({9, 9, functions});
  const std::size_t head = cores[0].bytes[0] + std::size_t{1};
  REQUIRE(cores[0].bytes[0] < 0x80);
  base::Bytes beyond;
  codec::append_varint(beyond, static_cast<std::uint32_t>(stream.size()));
  beyond.insert(beyond.end(), stream.begin(), stream.end());
  beyond.insert(beyond.end(), cores[0].bytes.begin() + static_cast<std::ptrdiff_t>(head),
                cores[0].bytes.end());
  CHECK(corrupt(beyond));
}
