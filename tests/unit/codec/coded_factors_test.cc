// lowrank with coded factors: what is stored, what comes back, and what broken cores do.
#include "codec/coded_factors.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "samples.h"

using namespace tt;
using codec::Encoding;
using codec::Format;
using tensor::DType;
using tensor::Metric;

static Encoding at_step(double step, std::uint64_t rank = 0) {
  return {.format = Format::lowrank, .rank = rank, .step = step};
}
static std::uint64_t rank_of(const std::vector<codec::Core>& cores) {
  return codec::codec_for(Format::lowrank).settled(at_step(1), codec::MemoryCores(cores)).rank;
}
static std::uint64_t bytes_of(const std::vector<codec::Core>& cores) {
  std::uint64_t bytes = 0;
  for (const codec::Core& core : cores) bytes += core.bytes.size();
  return bytes;
}
// Components of falling strength, and noise of a hundredth.
static codec::WeightData layered(std::uint64_t rows, std::uint64_t cols, std::uint64_t components,
                                 float noise = 0.01f) {
  const std::vector<float> left = bell_values(rows * components, 1),
                           right = bell_values(cols * components, 2);
  std::vector<float> values = bell_values(rows * cols, 3);
  for (std::uint64_t i = 0; i < rows; ++i)
    for (std::uint64_t j = 0; j < cols; ++j) {
      float sum = noise * values[i * cols + j];
      for (std::uint64_t k = 0; k < components; ++k)
        sum += 10 * left[i * components + k] * right[j * components + k] / static_cast<float>(1 + k);
      values[i * cols + j] = sum;
    }
  return weight_from(values, {rows, cols});
}
static codec::WeightData turned(const codec::WeightData& weight) {
  const std::vector<float> values = weight.values();
  std::vector<float> out(values.size());
  for (std::uint64_t i = 0; i < weight.layout.rows; ++i)
    for (std::uint64_t j = 0; j < weight.layout.cols; ++j)
      out[j * weight.layout.rows + i] = values[i * weight.layout.cols + j];
  return weight_from(out, {weight.layout.cols, weight.layout.rows});
}

TEST_CASE("what is predicted is what decodes, in every metric") {
  REQUIRE(one_thread);
  const codec::WeightData weight = layered(120, 90, 12);
  for (const Metric& metric : {Metric{Metric::Kind::identity, 1, 90, 0, {}}, metric_of(90, 1)}) {
    const tensor::SicPlan plan(metric);
    const codec::FactorQuantiser quantiser(weight, plan);
    double last = 2;
    for (const double step : {2.0, 0.5, 0.2, 0.1}) {
      const codec::FactorQuantiser::Point point = quantiser.at(step);
      const std::vector<codec::Core> cores = encode_for(weight, at_step(step), &metric);
      const codec::MemoryCores reader(cores);
      CHECK(point.rank == rank_of(cores));
      CHECK(point.cost.bytes ==
            doctest::Approx(static_cast<double>(bytes_of(cores))).epsilon(0.03).scale(200));
      CHECK(codec::output_error(weight, at_step(step), reader, metric) ==
            doctest::Approx(point.cost.output_error).epsilon(1e-3));
      CHECK(codec::relative_error(weight, at_step(step), reader) ==
            doctest::Approx(point.cost.weight_error).epsilon(1e-3));
      CHECK(point.cost.output_error < last);
      last = point.cost.output_error;
    }
  }
}

TEST_CASE("the rank follows from the step, up to the cap") {
  const codec::WeightData weight = layered(200, 150, 6, 0.0001f);
  CHECK(rank_of(encode_for(weight, at_step(0.02), nullptr)) == 6);
  CHECK(rank_of(encode_for(weight, at_step(0.02, 4), nullptr)) == 4);
  CHECK(rank_of(encode_for(weight, at_step(4), nullptr)) < 6);
}

TEST_CASE("a rate is met") {
  const codec::WeightData weight = layered(256, 256, 40);
  const Encoding encoding{.format = Format::lowrank, .rate = 0.7};
  const double bytes = static_cast<double>(bytes_of(encode_for(weight, encoding, nullptr)));
  CHECK(bytes * 8 / (256 * 256) == doctest::Approx(0.7).epsilon(0.03));
}

TEST_CASE("a layer wider than it need be takes less than half the bytes of quant at equal error") {
  const codec::WeightData weight = layered(300, 200, 10);
  const Metric metric = metric_of(200, 1);
  const std::vector<codec::Core> factors = encode_for(weight, at_step(0.2), &metric);
  const double error = codec::output_error(weight, at_step(0.2), codec::MemoryCores(factors), metric);
  const tensor::SicPlan plan(metric);
  const codec::Quantiser quantiser(weight, plan);
  double step = 1;
  while (quantiser.at(step).output_error > error) step /= 1.1;
  CHECK(2 * static_cast<double>(bytes_of(factors)) < quantiser.at(step).bytes);
}

TEST_CASE("inputs along rows give the transposed weight") {
  const codec::WeightData weight = layered(90, 70, 8);
  const Metric along = metric_of(70, 1);
  Metric down = along;
  down.axis = 0;
  const std::vector<codec::Core> cores = encode_for(weight, at_step(0.3), &along),
                                 other = encode_for(turned(weight), at_step(0.3), &down);
  const codec::WeightData back{weight.layout, decode(weight.layout, at_step(0.3), cores)};
  CHECK(turned(back).payload == decode(turned(weight).layout, at_step(0.3), other));
}

TEST_CASE("weights without a component, and of other types") {
  const codec::WeightData zeros = sample_weight(DType::f32, {40, 30}, 5);
  const std::vector<codec::Core> none = encode_for(zeros, at_step(0.5), nullptr);
  CHECK(rank_of(none) == 0);
  CHECK(decode(zeros.layout, at_step(0.5), none) == zeros.payload);
  for (const tensor::Shape& shape : {tensor::Shape{0, 30}, tensor::Shape{30, 0}}) {
    const codec::WeightData empty{layout_of(DType::f32, shape), {}};
    CHECK(decode(empty.layout, at_step(0.5), encode_for(empty, at_step(0.5), nullptr)).empty());
  }
  for (const DType dtype : {DType::f16, DType::bf16, DType::f64}) {
    codec::WeightData weight = layered(60, 50, 5);
    codec::WeightData typed{layout_of(dtype, {60, 50}), {}};
    typed.payload.resize(typed.layout.payload_size());
    tensor::from_float(dtype, weight.values(), typed.payload);
    const std::vector<codec::Core> cores = encode_for(typed, at_step(0.1), nullptr);
    CHECK(codec::relative_error(typed, at_step(0.1), codec::MemoryCores(cores)) < 0.1);
  }
}

TEST_CASE("a rank beyond the weight's sides is refused") {
  const codec::WeightData weight = layered(40, 30, 3);
  CHECK_THROWS_WITH_AS(encode_for(weight, at_step(0.1, 31), nullptr),
                       "bad value 31 for key 'rank' of a 40x30 weight", base::Error);
}

TEST_CASE("weights that would overflow or vanish are refused") {
  for (const float value : {1e38f, 1e-40f, INFINITY}) {
    const codec::WeightData weight = weight_from(std::vector<float>(64, value), {8, 8});
    CHECK(!codec::has_coded_factors(weight));
    CHECK_THROWS_WITH_AS(encode_for(weight, at_step(0.1), nullptr),
                         "cannot factorise a weight, its values are not finite, too large or too small",
                         base::Error);
  }
}

TEST_CASE("broken cores are corrupt") {
  const codec::WeightData weight = layered(40, 30, 5);
  const std::vector<codec::Core> cores = encode_for(weight, at_step(0.1), nullptr);
  const auto broken = [&](std::vector<codec::Core> some) {
    CHECK_THROWS_AS(decode(weight.layout, at_step(0.1), some), base::Error);
  };
  for (std::size_t core : {0u, 1u}) {
    std::vector<codec::Core> cut = cores;
    cut[core].bytes.resize(cut[core].bytes.size() / 2);
    broken(cut);
    cut[core].bytes.clear();
    broken(cut);
  }
  std::vector<codec::Core> high = cores;
  CHECK(codec::most_coded_rank(weight.layout) == 17);
  for (const std::uint8_t rank : {std::uint8_t{18}, std::uint8_t{31}}) {
    high[0].bytes[0] = rank;
    broken(high);
  }
  high[0].bytes[0] = 3;
  broken(high);
  broken({cores[0]});
}

// A table of which a row's values depend on each other.
static codec::WeightData table(std::uint64_t rows, std::uint64_t cols, bool flat) {
  std::vector<float> values = bell_values(rows * cols, 21);
  for (std::size_t at = 0; at < values.size(); ++at)
    if (at % cols != 0) values[at] = 0.9f * values[at - 1] + 0.3f * values[at];
  const codec::WeightData weight = weight_from(values, {rows, cols});
  return flat ? turned(weight) : weight;
}
static Metric frequencies(std::uint64_t n, unsigned axis) {
  Metric metric{Metric::Kind::diagonal, axis, n, 1, {}};
  for (std::uint64_t i = 0; i < n; ++i)
    metric.values.push_back(0.5 + 100.0 / static_cast<double>(1 + (i * 7) % n));
  return metric;
}

TEST_CASE("tall weights keep all components, and take fewer bytes than by quant") {
  for (const bool flat : {false, true})
    for (const Metric& metric :
         {Metric{Metric::Kind::identity, flat ? 0u : 1u, 32, 0, {}}, frequencies(2000, flat ? 1 : 0)}) {
      const codec::WeightData weight = table(2000, 32, flat);
      CHECK(codec::most_coded_rank(weight.layout) == 32);
      const std::vector<codec::Core> cores = encode_for(weight, at_step(0.2), &metric);
      CHECK(rank_of(cores) == 32);
      const codec::MemoryCores reader(cores);
      const double error = codec::output_error(weight, at_step(0.2), reader, metric);
      const tensor::SicPlan plan(metric);
      const codec::Quantiser quantiser(weight, plan);
      double step = 1;
      while (quantiser.at(step).output_error > error) step /= 1.02;
      CHECK(1.1 * static_cast<double>(bytes_of(cores)) < quantiser.at(step).bytes);
      for (const std::uint64_t sampled : {0, 8000}) {
        const codec::FactorQuantiser::Point point = codec::FactorQuantiser(weight, plan, 0, sampled).at(0.2);
        CHECK(point.cost.bytes == doctest::Approx(static_cast<double>(bytes_of(cores))).epsilon(0.04));
        CHECK(point.cost.output_error == doctest::Approx(error).epsilon(sampled == 0 ? 1e-3 : 0.05));
      }
    }
}
