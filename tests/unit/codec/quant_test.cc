// quant: what is stored, what comes back, and what broken cores do.
#include "codec/quant.h"

#include <doctest/doctest.h>

#include <cmath>

#include "base/error.h"
#include "codec/code_bands.h"
#include "codec/code_coder.h"
#include "codec/quant_core.h"
#include "samples.h"

using namespace tt;
using codec::Encoding;
using codec::Format;
using tensor::DType;
using tensor::Metric;

static Encoding at_rate(double rate) {
  return {.format = Format::quant, .rate = rate};
}
static Encoding at_step(double step) {
  return {.format = Format::quant, .step = step};
}
static Metric diagonal_of(std::uint64_t n, unsigned axis) {
  Metric metric{Metric::Kind::diagonal, axis, n, 1, {}};
  for (std::uint64_t i = 0; i < n; ++i) metric.values.push_back(i % 3 == 0 ? 0.0 : static_cast<double>(i));
  return metric;
}
static double bits_of(const codec::WeightData& weight, const std::vector<codec::Core>& cores) {
  return 8 * static_cast<double>(cores[0].bytes.size()) / static_cast<double>(weight.layout.elements());
}

TEST_CASE("a rate is met, and more bits mean less error") {
  REQUIRE(one_thread);
  const codec::WeightData weight = sample_weight(DType::f32, {300, 200}, 0);
  const Metric full = metric_of(200, 1);
  for (const Metric* metric : {static_cast<const Metric*>(nullptr), &full}) {
    double last = 2;
    for (const double rate : {0.5, 1.0, 2.0, 3.0, 4.5, 8.0}) {
      const std::vector<codec::Core> cores = encode_for(weight, at_rate(rate), metric);
      CHECK(bits_of(weight, cores) == doctest::Approx(rate).epsilon(0.02));
      const codec::MemoryCores reader(cores);
      const double error = metric == nullptr ? codec::relative_error(weight, at_rate(rate), reader)
                                             : codec::output_error(weight, at_rate(rate), reader, *metric);
      CHECK(error < last);
      last = error;
    }
  }
}

TEST_CASE("what is predicted is what decodes, for every kind of metric and both axes") {
  const codec::WeightData weight = sample_weight(DType::f32, {120, 90}, 0);
  for (const unsigned axis : {0u, 1u}) {
    const std::uint64_t n = axis == 1 ? 90 : 120;
    for (const Metric& metric :
         {Metric{Metric::Kind::identity, axis, n, 0, {}}, diagonal_of(n, axis), metric_of(n, axis)}) {
      const tensor::SicPlan plan(metric);
      const codec::Quantiser quantiser(weight, plan);
      for (const double step : {0.5, 0.1, 0.02}) {
        const codec::QuantPoint point = quantiser.at(step);
        const std::vector<codec::Core> cores = encode_for(weight, at_step(step), &metric);
        const codec::MemoryCores reader(cores);
        const double measured = codec::output_error(weight, at_step(step), reader, metric);
        CHECK(point.output_error == doctest::Approx(measured).epsilon(2e-3));
        CHECK(point.weight_error ==
              doctest::Approx(codec::relative_error(weight, at_step(step), reader)).epsilon(1e-4));
        CHECK(point.bytes ==
              doctest::Approx(static_cast<double>(cores[0].bytes.size())).epsilon(0.02).scale(16));
        if (step < 0.2) CHECK(measured <= step * 1.25);
      }
    }
  }
}

TEST_CASE("some of the outputs predict bytes and error of all") {
  const codec::WeightData weight = sample_weight(DType::f32, {2400, 128}, 0);
  const Metric metric = metric_of(128, 1);
  const tensor::SicPlan plan(metric);
  const codec::Quantiser quantiser(weight, plan);
  for (const double step : {0.4, 0.1, 0.02}) {
    const codec::QuantPoint all = quantiser.at(step), some = quantiser.sample(65536).at(step);
    CHECK(some.bytes == doctest::Approx(all.bytes).epsilon(0.02));
    CHECK(some.output_error == doctest::Approx(all.output_error).epsilon(0.02));
  }
}

TEST_CASE("calibrated codes do less damage than others of the same size") {
  const codec::WeightData weight = sample_weight(DType::f32, {200, 96}, 0);
  const Metric metric = metric_of(96, 1);
  for (const double rate : {1.5, 3.0, 5.0}) {
    const auto damage = [&](const Metric* used) {
      return codec::output_error(weight, at_rate(rate),
                                 codec::MemoryCores(encode_for(weight, at_rate(rate), used)), metric);
    };
    CHECK(damage(&metric) < 0.9 * damage(nullptr));
  }
}

TEST_CASE("a value is its code times its step, in float32") {
  const codec::WeightData weight = sample_weight(DType::f32, {30, 20}, 0);
  const std::vector<codec::Core> cores = encode_for(weight, at_step(0.1), nullptr);
  const base::Bytes& bytes = cores[0].bytes;
  REQUIRE(bytes[0] == codec::kTurnedBands);  // one step
  const float scale = base::load_le<float>(bytes.data() + 1);
  REQUIRE(bytes[5] == 30);  // rows of the only band
  std::vector<float> expected(30 * 20);
  codec::decode_codes(base::ByteView(bytes).subspan(6), 20, 30,
                      [&](std::uint64_t first, std::span<const std::int32_t> codes) {
                        for (std::size_t i = 0; i < codes.size(); ++i)
                          expected[i % 30 * 20 + first + i / 30] = static_cast<float>(codes[i]) * scale;
                      });
  const codec::WeightData back{weight.layout, decode(weight.layout, at_step(0.1), cores)};
  CHECK(back.values() == expected);
}

TEST_CASE("every dtype and shape decodes to its own size, finite, and twice the same") {
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16, DType::f64}) {
    for (const tensor::Shape& shape :
         {tensor::Shape{40, 50}, tensor::Shape{1, 300}, tensor::Shape{300, 1}, tensor::Shape{300},
          tensor::Shape{}, tensor::Shape{0, 4}, tensor::Shape{6, 3, 5, 5}, tensor::Shape{1500, 700}}) {
      for (const int kind : {0, 3, 4, 5}) {
        const codec::WeightData weight = sample_weight(dtype, shape, kind);
        for (const Encoding& encoding : {at_rate(3), at_step(0.01), at_step(1000)}) {
          const std::vector<codec::Core> cores = encode_for(weight, encoding, nullptr);
          const codec::WeightData back{weight.layout, decode(weight.layout, encoding, cores)};
          REQUIRE(back.payload.size() == weight.payload.size());
          CHECK(tensor::all_finite(dtype, back.payload));
          CHECK(encode_for(weight, encoding, nullptr)[0].bytes == cores[0].bytes);
          if (encoding.step != 0.01) continue;
          CHECK(codec::relative_error(weight, encoding, codec::MemoryCores(cores)) < 0.016);
        }
        if (shape.size() == 2 && shape[0] == 1500) break;
      }
    }
  }
}

TEST_CASE("rows and columns without codes come back as zeros") {
  std::vector<float> values = bell_values(60 * 45, 8);
  for (const unsigned axis : {0u, 1u}) {
    Metric metric = diagonal_of(axis == 1 ? 45 : 60, axis);
    for (double& weight : metric.values) weight = weight == 0 ? 1e-9 : 1;
    const codec::WeightData weight = weight_from(values, {60, 45});
    const std::vector<codec::Core> cores = encode_for(weight, at_step(0.2), &metric);
    CHECK(cores[0].bytes[0] == (axis == 1 ? 1 + codec::kTurnedBands : 2));
    const std::vector<float> back =
        codec::WeightData{weight.layout, decode(weight.layout, at_step(0.2), cores)}.values();
    for (std::uint64_t r = 0; r < 60; ++r)
      for (std::uint64_t c = 0; c < 45; ++c)
        if ((axis == 1 ? c : r) % 3 == 0) CHECK(back[r * 45 + c] == 0);
    CHECK(codec::output_error(weight, at_step(0.2), codec::MemoryCores(cores), metric) < 0.24);
  }
}

TEST_CASE("turned bands that are too high, of no rows or of rows' steps are corrupt") {
  const codec::WeightData weight = sample_weight(DType::f32, {30, 20}, 0);
  const std::vector<codec::Core> cores = encode_for(weight, at_step(0.1), nullptr);
  const auto broken = [&](const base::Bytes& bytes) {
    std::vector<codec::Core> other = cores;
    other[0].bytes = bytes;
    other[0].layout.shape = {bytes.size()};
    try {
      decode(weight.layout, at_step(0.1), other);
    } catch (const base::Error& error) {
      return error.kind() == base::ErrorKind::corrupt;
    }
    return false;
  };
  base::Bytes bytes = cores[0].bytes;
  REQUIRE(bytes[5] == 30);
  bytes[5] = 0;
  CHECK(broken(bytes));
  bytes.erase(bytes.begin() + 5);
  bytes.insert(bytes.begin() + 5, {0xff, 0xff, 0x7f});  // 2^21 - 1 rows of 20 codes
  CHECK(broken(bytes));
  for (const unsigned kind : {6u, 7u, 8u, 12u}) {
    bytes = cores[0].bytes;
    bytes[0] = static_cast<std::uint8_t>(kind);
    CHECK(broken(bytes));
  }
}

TEST_CASE("a large matrix is coded in bands, each in its place") {
  const std::uint64_t rows = 4200, cols = 2100;
  REQUIRE(rows > codec::band_rows(cols));
  REQUIRE(rows % codec::band_rows(cols) != 0);
  const codec::WeightData weight = weight_from(bell_values(rows * cols, 5), {rows, cols});
  const Encoding encoding = at_step(0.1);
  const std::vector<codec::Core> cores = encode(weight, encoding);
  // Misplaced rows would have an error of 1.4.
  CHECK(codec::relative_error(weight, encoding, codec::MemoryCores(cores)) < 0.13);
}

TEST_CASE("extreme values neither overflow nor vanish") {
  for (const float scale : {1e-41f, 1e-30f, 1e30f, 3.3e38f}) {
    std::vector<float> values = bell_values(600, 1);
    for (float& value : values) value *= scale;
    const codec::WeightData weight = weight_from(values, {20, 30});
    for (const double rate : {1.0, 4.0, 9.0}) {
      const std::vector<codec::Core> cores = encode_for(weight, at_rate(rate), nullptr);
      const codec::WeightData back{weight.layout, decode(weight.layout, at_rate(rate), cores)};
      CHECK(tensor::all_finite(DType::f32, back.payload));
      if (rate == 4.0) CHECK(codec::relative_error(weight, at_rate(rate), codec::MemoryCores(cores)) < 0.2);
    }
  }
  codec::WeightData halves = weight_from(std::vector<float>{65504, -65504, 3, 60000, -2, 1}, {2, 3});
  const std::vector<float> values = halves.values();
  halves.layout.dtype = DType::f16;
  halves.payload.resize(12);
  tensor::from_float(DType::f16, values, halves.payload);
  for (const double step : {1.0, 0.4, 0.3, 0.05})
    CHECK(tensor::all_finite(
        DType::f16, decode(halves.layout, at_step(step), encode_for(halves, at_step(step), nullptr))));
}

TEST_CASE("parameters and data that cannot be are refused with a reason") {
  const auto kind_of = [](const auto& run) {
    try {
      run();
    } catch (const base::Error& error) {
      return error.kind();
    }
    return base::ErrorKind::interrupted;
  };
  const codec::WeightData weight = sample_weight(DType::f32, {20, 30}, 0);
  const codec::Codec& quant = codec::codec_for(Format::quant);
  CHECK(kind_of([&] { quant.check(weight.layout, {.format = Format::quant}); }) == base::ErrorKind::usage);
  CHECK(kind_of([&] { quant.check(weight.layout, {.format = Format::quant, .rate = 2, .step = 1}); }) ==
        base::ErrorKind::usage);
  const std::uint64_t wide = (std::uint64_t{1} << 24) + 1;
  CHECK(kind_of([&] { quant.check({DType::f32, {wide}, 1, wide}, at_rate(3)); }) == base::ErrorKind::usage);
  CHECK(kind_of([&] {
          encode(sample_weight(DType::f32, {20, 30}, 2), at_rate(3));
        }) == base::ErrorKind::bad_data);
  codec::WeightData beyond = sample_weight(DType::f64, {20, 30}, 0);
  base::store_le(beyond.payload.data(), 1e300);
  CHECK(kind_of([&] { encode(beyond, at_rate(3)); }) == base::ErrorKind::bad_data);
  const Metric other = metric_of(20, 1);
  CHECK(kind_of([&] { encode_for(weight, at_rate(3), &other); }) == base::ErrorKind::bad_data);
  CHECK(kind_of([&] {
          codec::output_error(weight, at_rate(3), codec::MemoryCores(encode(weight, at_rate(3))), other);
        }) == base::ErrorKind::bad_data);
}

// The head of a core: kind of steps, scale, and steps where there are some.
static base::Bytes head(std::uint8_t kind, float scale, const std::vector<std::int32_t>& steps) {
  base::Bytes bytes{kind};
  base::append_le(bytes, scale);
  if (kind == 0) return bytes;
  const base::Bytes stream = codec::encode_codes({1, steps.size(), steps});
  bytes.push_back(static_cast<std::uint8_t>(stream.size()));
  bytes.insert(bytes.end(), stream.begin(), stream.end());
  return bytes;
}
static bool corrupt(base::Bytes bytes, const std::vector<std::int32_t>& codes, std::uint64_t rows) {
  const base::Bytes stream = codec::encode_codes({rows, codes.size() / rows, codes});
  bytes.insert(bytes.end(), stream.begin(), stream.end());
  std::vector<codec::Core> cores(1);
  cores[0].bytes = std::move(bytes);
  try {
    decode(layout_of(DType::f32, {2, 3}), at_rate(3), cores);
  } catch (const base::Error& error) {
    REQUIRE(error.kind() == base::ErrorKind::corrupt);
    return true;
  }
  return false;
}

TEST_CASE("heads that lie are corrupt") {
  const std::vector<std::int32_t> codes{1, -2, 3, 4, 5, -6};
  CHECK_FALSE(corrupt(head(0, 0.5f, {}), codes, 2));
  CHECK_FALSE(corrupt(head(1, 0.5f, {1, 9, 17}), codes, 2));
  CHECK_FALSE(corrupt(head(2, 0.5f, {960, 1}), codes, 2));
  CHECK_FALSE(corrupt(head(1, 0.5f, {1, 0, 17}), {1, 2, 3, 4}, 2));
  CHECK(corrupt(head(3, 0.5f, {1, 1, 1}), codes, 2));
  CHECK(corrupt(head(0, -0.5f, {}), codes, 2));
  CHECK(corrupt(head(0, NAN, {}), codes, 2));
  CHECK(corrupt(head(0, INFINITY, {}), codes, 2));
  CHECK(corrupt(head(1, 0.5f, {1, -1, 17}), codes, 2));
  CHECK(corrupt(head(1, 0.5f, {1, 961, 17}), codes, 2));
  CHECK(corrupt(head(1, 1e30f, {1, 900, 17}), codes, 2));
  CHECK(corrupt({0, 0, 0}, codes, 2));
}
