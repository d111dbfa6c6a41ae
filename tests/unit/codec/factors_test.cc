// lowrank and tt: shapes, errors, refusals.
#include <doctest/doctest.h>

#include <cmath>

#include "base/error.h"
#include "codec/codec.h"
#include "samples.h"
#include "tensor/spectrum.h"
#include "tensor/tensor_train.h"

using namespace tt;
using codec::Encoding;
using codec::Format;
using tensor::DType;

static double error_of(const codec::WeightData& weight, const Encoding& encoding) {
  return codec::relative_error(weight, encoding, codec::MemoryCores(encode(weight, encoding)));
}

TEST_CASE("lowrank reaches the error of the truncated spectrum") {
  REQUIRE(one_thread);
  for (const tensor::Shape& shape :
       {tensor::Shape{40, 60}, tensor::Shape{60, 40}, tensor::Shape{1, 50}, tensor::Shape{50, 1}}) {
    const codec::WeightData weight = sample_weight(DType::f32, shape, 0);
    const std::vector<float> values = weight.values();
    const tensor::Spectrum spectrum = tensor::spectrum({values, shape[0], shape[1]});
    const std::uint64_t full = std::min(shape[0], shape[1]);
    for (const std::uint64_t rank : {std::uint64_t{1}, (full + 1) / 2, full}) {
      const double best = std::sqrt(spectrum.tail(rank) / spectrum.total);
      CHECK(error_of(weight, {.format = Format::lowrank, .rank = rank, .dtype = DType::f32}) ==
            doctest::Approx(best).epsilon(1e-4).scale(1e-2));
      const double half = error_of(weight, {.format = Format::lowrank, .rank = rank});
      CHECK(half >= best - 1e-6);
      CHECK(half <= best + 4e-4);
    }
  }
}

TEST_CASE("lowrank uses the method that is asked for, and says what failed") {
  const codec::WeightData weight = sample_weight(DType::f32, {80, 90}, 0);
  const Encoding encoding{.format = Format::lowrank, .rank = 4, .dtype = DType::f32};
  std::vector<tensor::SvdMethod> asked;
  std::vector<std::string> warnings;
  int failures = 0;
  codec::EncodeOptions options;
  options.warn = [&](const std::string& warning) { warnings.push_back(warning); };
  options.solver = [&](const tensor::MatrixView& a, const tensor::SvdOptions& svd) {
    asked.push_back(svd.method);
    if (failures-- > 0) throw base::Error(base::ErrorKind::internal, "injected");
    return tensor::svd(a, svd);
  };
  const auto coded = [&] { return codec::codec_for(Format::lowrank).encode(weight, encoding, options); };
  const auto error = [&] { return codec::relative_error(weight, encoding, codec::MemoryCores(coded())); };
  const double best = error();
  for (const auto method :
       {tensor::SvdMethod::full, tensor::SvdMethod::truncated, tensor::SvdMethod::randomized}) {
    asked.clear();
    options.svd_method = method;
    CHECK(error() == doctest::Approx(best).epsilon(1e-4));
    CHECK(asked == std::vector{method});
  }
  CHECK(warnings.empty());
  options.svd_method = tensor::SvdMethod::full;
  failures = 1;
  const double half = error();  // half of the rank, the rest zero
  CHECK(half > best);
  CHECK(half < 1);
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0] == "full svd of rank 4 failed: injected");
  CHECK(warnings[1] == "its last 2 components of 4 are zero");
  failures = 2;
  CHECK(error() == doctest::Approx(best).epsilon(1e-4));
  CHECK(asked.back() == tensor::SvdMethod::truncated);
  failures = 9;
  CHECK_THROWS_AS(coded(), base::Error);
}

TEST_CASE("lowrank with halves survives large and small magnitudes") {
  for (const float scale : {1e-6f, 1e8f}) {
    std::vector<float> values = bell_values(600, 1);
    for (float& value : values) value *= scale;
    CHECK(error_of(weight_from(values, {20, 30}), {.format = Format::lowrank, .rank = 20}) < 1e-3);
  }
  const codec::WeightData huge = weight_from(std::vector<float>(600, 1e30f), {20, 30});
  CHECK_THROWS_AS(encode(huge, {.format = Format::lowrank, .rank = 2}), base::Error);
  CHECK(error_of(huge, {.format = Format::lowrank, .rank = 1, .dtype = DType::f32}) < 1e-6);
  const codec::WeightData zero = weight_from(std::vector<float>(600, 0.0f), {20, 30});
  CHECK(error_of(zero, {.format = Format::lowrank, .rank = 2}) == 0);
}

TEST_CASE("lowrank and tt check their parameters") {
  const codec::WeightLayout layout = layout_of(DType::f32, {20, 30});
  const auto refused = [&](const Encoding& encoding) {
    try {
      codec::codec_for(encoding.format).check(layout, encoding);
    } catch (const base::Error& error) {
      return error.kind() == base::ErrorKind::usage && !error.hint().empty();
    }
    return false;
  };
  CHECK(refused({.format = Format::lowrank, .rank = 0}));
  CHECK(refused({.format = Format::lowrank, .rank = 21}));
  CHECK(refused({.format = Format::lowrank, .rank = 2, .dtype = DType::bf16}));
  CHECK_FALSE(refused({.format = Format::lowrank, .rank = 20}));
  const auto tt_of = [](std::vector<std::uint64_t> modes, std::vector<std::uint64_t> ranks) {
    return Encoding{.format = Format::tt, .modes = std::move(modes), .ranks = std::move(ranks)};
  };
  CHECK(refused(tt_of({}, {})));
  CHECK(refused(tt_of({20, 31}, {2})));
  CHECK(refused(tt_of({20, 30}, {})));
  CHECK(refused(tt_of({20, 30}, {0})));
  CHECK(refused(tt_of({20, 30}, {21})));
  CHECK(refused(tt_of({4, 5, 30}, {5, 2})));
  CHECK(refused(tt_of({std::uint64_t{1} << 32, std::uint64_t{1} << 32, 600}, {1, 1})));
  CHECK(refused(tt_of({2, 2, 2, 1, 1, 1, 1, 1, 75}, {1, 1, 1, 1, 1, 1, 1, 1})));
  CHECK_FALSE(refused(tt_of({4, 5, 30}, {4, 20})));
  CHECK_FALSE(refused(tt_of({600}, {})));
}

TEST_CASE("a layout whose sizes overflow or contradict is refused") {
  codec::WeightLayout layout{DType::f32, {4, 4}, 4, 5};
  CHECK_THROWS_AS(codec::codec_for(Format::raw).check(layout, {}), base::Error);
  layout = {DType::f64,
            {std::uint64_t{1} << 31, std::uint64_t{1} << 31},
            std::uint64_t{1} << 31,
            std::uint64_t{1} << 31};
  CHECK_THROWS_AS(codec::codec_for(Format::lossless).check(layout, {}), base::Error);
}

TEST_CASE("tt at full rank is the weight; a lower rank stays below the bound") {
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16, DType::f64}) {
    const codec::WeightData weight = sample_weight(dtype, {24, 60}, 0);
    const double own = dtype == DType::bf16 ? 3e-3 : dtype == DType::f16 ? 3e-4 : 1e-6;
    CHECK(
        error_of(weight,
                 {.format = Format::tt, .modes = {4, 6, 6, 10}, .ranks = {4, 24, 10}, .dtype = DType::f32}) <=
        own);
    CHECK(error_of(weight, {.format = Format::tt, .modes = {4, 6, 6, 10}, .ranks = {4, 24, 10}}) <=
          own + 1e-3);
    CHECK(error_of(weight, {.format = Format::tt, .modes = {1440}, .dtype = DType::f32}) <= own);
    const std::vector<float> values = weight.values();
    double bound = 0;
    for (const tensor::Spectrum& one : tensor::unfolding_spectra(values, {4, 6, 6, 10}))
      bound += one.tail(3) / one.total;
    CHECK(error_of(weight, {.format = Format::tt, .modes = {4, 6, 6, 10}, .ranks = {3, 3, 3}}) <=
          std::sqrt(bound) * 1.01);
  }
}

TEST_CASE("factors are coded the same way twice, and cores have the promised layout") {
  const codec::WeightData weight = sample_weight(DType::f32, {24, 60}, 0);
  for (const Encoding& encoding : {Encoding{.format = Format::lowrank, .rank = 5},
                                   Encoding{.format = Format::tt, .modes = {24, 6, 10}, .ranks = {7, 8}}}) {
    const std::vector<codec::Core> cores = encode(weight, encoding), again = encode(weight, encoding);
    const std::vector<codec::CoreLayout> layouts =
        codec::codec_for(encoding.format).core_layouts(weight.layout, encoding);
    REQUIRE(cores.size() == layouts.size());
    for (std::size_t i = 0; i < cores.size(); ++i) {
      CHECK(cores[i].bytes == again[i].bytes);
      CHECK(cores[i].layout.shape == layouts[i].shape);
      CHECK(cores[i].bytes.size() == tensor::element_count(layouts[i].shape) * 2);
    }
  }
}
