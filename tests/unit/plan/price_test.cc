#include "plan/price.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>

#include "base/error.h"

using namespace tt;
using plan::Freedom;

namespace {

codec::WeightData weight_of(std::vector<float> values, std::uint64_t rows, std::uint64_t cols) {
  codec::WeightData weight;
  weight.layout = {tensor::DType::f32, {rows, cols}, rows, cols};
  weight.payload.resize(weight.layout.payload_size());
  tensor::from_float(tensor::DType::f32, values, weight.payload);
  return weight;
}

// A Gaussian matrix with columns of falling strength, as trained layers have them.
codec::WeightData layer(unsigned seed, std::uint64_t rows, std::uint64_t cols) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values;
  for (std::uint64_t i = 0; i < rows; ++i)
    for (std::uint64_t j = 0; j < cols; ++j)
      values.push_back(normal(random) * 0.1f / std::sqrt(1.0f + static_cast<float>(j)));
  return weight_of(std::move(values), rows, cols);
}

struct Stored {
  std::uint64_t bytes = 0;
  double error = 0;
};

Stored store(const codec::WeightData& weight, const codec::Encoding& encoding) {
  const auto cores = codec::codec_for(encoding.format).encode(weight, encoding);
  Stored stored;
  for (const auto& core : cores) stored.bytes += core.bytes.size();
  stored.error = codec::relative_error(weight, encoding, codec::MemoryCores(cores));
  return stored;
}

void check_prices(const codec::WeightData& weight, const plan::PriceOptions& options) {
  const plan::Curve curve = plan::price(weight, options);
  REQUIRE_FALSE(curve.empty());
  for (std::size_t i = 0; i < curve.size(); i += 1 + curve.size() / 12) {
    CAPTURE(codec::spec_of(curve[i].encoding));
    const Stored stored = store(weight, curve[i].encoding);
    CHECK(std::abs(static_cast<double>(stored.bytes) - static_cast<double>(curve[i].bytes)) <=
          0.02 * static_cast<double>(stored.bytes) + 24);
    // The bound of tt may be pessimistic by sqrt(d - 1); nothing may be worse than promised.
    CHECK(stored.error <= curve[i].relative_error * 1.02 + 4e-4);
    if (curve[i].encoding.format != codec::Format::tt)
      CHECK(stored.error >= curve[i].relative_error * 0.98 - 4e-4);
    if (curve[i].loss == 0) CHECK(stored.error == 0);
  }
}

}  // namespace

TEST_CASE("what is priced is what is stored") {
  const auto weight = layer(1, 96, 160);
  check_prices(weight, {});
  check_prices(weight, {.freedom = Freedom::exact});
  check_prices(weight, {.freedom = Freedom::values});
  check_prices(weight, {.method = plan::Method::svd});
  check_prices(weight, {.method = plan::Method::tt});
}

TEST_CASE("what is read off between two points of quant is nearly what is stored, on a coarse grid too") {
  const auto weight = layer(5, 128, 192);
  for (const plan::QuantGrid& grid : {plan::QuantGrid{}, plan::QuantGrid{.ratio = 0.5, .sampled = 1 << 13}}) {
    CAPTURE(grid.ratio);
    const plan::Curve measured = plan::pareto(plan::price_quant(weight, nullptr, false, grid));
    const plan::Curve curve = plan::refine(measured, 256);
    CHECK(curve.size() > 5 * measured.size());
    CHECK(curve.back().relative_error < 1e-5);  // down to what float32 can hold
    for (std::size_t i = 0; i < curve.size(); i += 1 + curve.size() / 40) {
      const Stored stored = store(weight, curve[i].encoding);
      const double wanted = static_cast<double>(stored.bytes), found = static_cast<double>(curve[i].bytes);
      const double bits = wanted * 8 / static_cast<double>(weight.layout.elements());
      CAPTURE(bits);
      CHECK(std::abs(found - wanted) <= (bits < 0.5 ? 0.22 : bits < 1 ? 0.15 : 0.03) * wanted + 24);
      CHECK(curve[i].relative_error == doctest::Approx(stored.error).epsilon(0.03));
    }
  }
}

TEST_CASE("freedom limits the encodings") {
  const auto weight = layer(2, 40, 50);
  for (const auto& candidate : plan::price(weight, {.freedom = Freedom::exact})) CHECK(candidate.loss == 0);
  for (const auto& candidate : plan::price(weight, {.freedom = Freedom::values, .min_mantissa = 10})) {
    const auto format = candidate.encoding.format;
    CHECK(format != codec::Format::lowrank);
    CHECK(format != codec::Format::tt);
    if (format == codec::Format::f16) CHECK(candidate.encoding.mantissa == 10);
  }
}

TEST_CASE("max_rank caps ranks and epsilon ends them") {
  const auto weight = layer(3, 64, 64);
  for (const auto& candidate : plan::price(weight, {.method = plan::Method::svd, .max_rank = 5}))
    CHECK(candidate.encoding.rank <= 5);
  std::uint64_t most = 0;
  for (const auto& candidate : plan::price(weight, {.method = plan::Method::svd, .epsilon = 0.5}))
    most = std::max(most, candidate.encoding.rank);
  CHECK(most > 0);
  CHECK(most < 40);
}

TEST_CASE("values that are not finite, constant or huge have exact prices only, or sound ones") {
  auto values = std::vector<float>(400, 1.0f);
  check_prices(weight_of(values, 20, 20), {});
  values.assign(400, 0.0f);
  check_prices(weight_of(values, 20, 20), {});
  values[7] = std::numeric_limits<float>::quiet_NaN();
  for (const auto& candidate : plan::price(weight_of(values, 20, 20), {})) CHECK(candidate.loss == 0);
  values[7] = 3.4028235e38f;  // rounds to infinity with fewer bits
  const auto huge = weight_of(values, 20, 20);
  for (const auto& candidate : plan::price(huge, {})) {
    CAPTURE(codec::spec_of(candidate.encoding));
    CHECK(candidate.encoding.format != codec::Format::f16);
    CHECK(store(huge, candidate.encoding).error <= candidate.relative_error * 1.02 + 4e-4);
  }
}

TEST_CASE("a fixed encoding is priced as it is, an open one is searched") {
  const auto weight = layer(4, 32, 48);
  const auto fixed = plan::price(weight, {.fixed = codec::parse_spec("lowrank,rank=7,dtype=f32")});
  REQUIRE(fixed.size() == 1);
  CHECK(fixed[0].bytes == 7 * (32 + 48) * 4);
  const auto open = plan::price(weight, {.fixed = codec::parse_spec("lowrank")});
  CHECK(open.size() > 5);
  for (const auto& candidate : open) CHECK(candidate.encoding.format == codec::Format::lowrank);
  CHECK_THROWS_AS(plan::price(weight, {.fixed = codec::parse_spec("lowrank,rank=33")}), base::Error);
}

TEST_CASE("float64 is judged in double: what float32 would hide is no exact candidate") {
  std::mt19937_64 random(11);
  std::normal_distribution<double> normal;
  // Any values, values next to halves, values that vanish in float32, values whose squares overflow or
  // vanish in double.
  for (int kind = 0; kind < 5; ++kind) {
    CAPTURE(kind);
    codec::WeightData weight;
    weight.layout = {tensor::DType::f64, {40, 30}, 40, 30};
    weight.payload.resize(weight.layout.payload_size());
    for (std::size_t i = 0; i < 1200; ++i) {
      double value = normal(random);
      if (kind == 1) value = std::round(value * 8) / 8 + 1e-12;
      if (kind == 2) value *= 1e-60;
      if (kind == 3) value *= 1e200;
      if (kind == 4) value *= 1e-200;
      base::store_le(weight.payload.data() + 8 * i, value);
    }
    for (const auto& candidate : plan::price(weight, {})) {
      CAPTURE(codec::spec_of(candidate.encoding));
      CHECK(std::isfinite(candidate.loss));
      const double error = store(weight, candidate.encoding).error;
      CHECK(std::isfinite(error));
      CHECK((candidate.loss == 0) == (error == 0));
    }
  }
}

TEST_CASE("blocks: every form that was asked for, at what it weighs and loses") {
  const codec::WeightData weight = layer(8, 300, 128);
  plan::PriceOptions options;
  for (const unsigned bits : {4u, 8u})
    for (const std::uint64_t group : {16u, 64u, 0u})
      options.blocks.push_back(
          {.format = codec::Format::blockquant, .bits = bits, .group = group, .axis = 1});
  const plan::Curve curve = plan::price(weight, options);
  CHECK(curve.size() >= 4);  // the others are larger and worse
  for (const plan::Candidate& candidate : curve) {
    CHECK(candidate.encoding.format == codec::Format::blockquant);
    CHECK(candidate.loss > 0);
  }
  check_prices(weight, options);
  options.freedom = Freedom::exact;
  for (const plan::Candidate& candidate : plan::price(weight, options)) CHECK(candidate.loss == 0);
}

TEST_CASE("blockquant without an axis takes that of the layer") {
  plan::PriceOptions options;
  options.fixed = codec::parse_spec("blockquant,bits=8,group=16");
  for (const unsigned axis : {0u, 1u}) {
    options.block_axis = axis;
    const plan::Curve curve = plan::price(layer(9, 40, 60), options);
    REQUIRE(curve.size() == 1);
    CHECK(curve[0].encoding.axis == axis);
  }
}
