#include "plan/factor_curve.h"

#include <doctest/doctest.h>

#include <random>

#include "codec/quant.h"
#include "plan/price.h"
#include "plan/quant_curve.h"

using namespace tt;
using codec::Format;

namespace {

codec::WeightData product_weight(std::uint64_t rows, std::uint64_t cols, std::uint64_t rank) {
  std::mt19937 generator(5);
  const auto next = [&] { return static_cast<float>(generator()) / 4294967296.0f - 0.5f; };
  std::vector<float> left(rows * rank), right(rank * cols), values(rows * cols);
  for (float& value : left) value = next();
  for (float& value : right) value = next();
  for (std::uint64_t i = 0; i < rows; ++i)
    for (std::uint64_t j = 0; j < cols; ++j) {
      values[i * cols + j] = 0.02f * next();
      for (std::uint64_t k = 0; k < rank; ++k)
        values[i * cols + j] += left[i * rank + k] * right[k * cols + j];
    }
  codec::WeightData weight{{tensor::DType::f32, {rows, cols}, rows, cols}, base::Bytes(values.size() * 4)};
  tensor::from_float(tensor::DType::f32, values, weight.payload);
  return weight;
}

std::vector<plan::Candidate> priced(const codec::WeightData& weight, const plan::FactorGrid& grid = {}) {
  return plan::price_coded_factors(weight, nullptr, plan::pareto(plan::price_quant(weight, nullptr, false)),
                                   grid);
}

}  // namespace

TEST_CASE("finer steps cost more bytes and lose less") {
  const std::vector<plan::Candidate> candidates = priced(product_weight(200, 120, 8));
  REQUIRE(candidates.size() > 4);
  for (std::size_t i = 1; i < candidates.size(); ++i) {
    CHECK(candidates[i].encoding.step < candidates[i - 1].encoding.step);
    CHECK(candidates[i].encoding.rank >= candidates[i - 1].encoding.rank);
    CHECK(candidates[i].bytes > candidates[i - 1].bytes);
    CHECK(candidates[i].loss < candidates[i - 1].loss);
  }
}

TEST_CASE("the pricing ends where quant is smaller, and at the cap") {
  const codec::WeightData weight = product_weight(200, 120, 8);
  CHECK(priced(weight).back().encoding.rank <= 200 * 120 / (200 + 120));
  for (const plan::Candidate& candidate : priced(weight, {.max_rank = 3}))
    CHECK(candidate.encoding.rank <= 3);
  CHECK(priced(product_weight(3, 120, 1)).empty());
}

TEST_CASE("price offers coded factors where they pay") {
  const plan::Curve curve = plan::price(product_weight(256, 256, 6), {});
  std::size_t coded = 0;
  for (const plan::Candidate& candidate : curve)
    coded += candidate.encoding.format == Format::lowrank && candidate.encoding.step > 0;
  CHECK(coded > 3);
}

TEST_CASE("a candidate between two has the larger rank") {
  const plan::Curve pair = {
      {.encoding = {.format = Format::lowrank, .rank = 3, .step = 1}, .bytes = 100, .loss = 0.5},
      {.encoding = {.format = Format::lowrank, .rank = 9, .step = 0.5}, .bytes = 200, .loss = 0.1}};
  const plan::Curve fine = plan::refine(pair, 10);
  REQUIRE(fine.size() > 5);
  for (std::size_t i = 1; i < fine.size(); ++i) CHECK(fine[i].encoding.rank == 9);
}

TEST_CASE("tall weights are offered with all their components") {
  std::mt19937 generator(9);
  std::vector<float> values(6000 * 24);
  for (std::size_t at = 0; at < values.size(); ++at) {
    values[at] = static_cast<float>(generator()) / 4294967296.0f - 0.5f;
    if (at % 24 != 0) values[at] = 0.9f * values[at - 1] + 0.3f * values[at];
  }
  codec::WeightData weight{{tensor::DType::f32, {6000, 24}, 6000, 24}, base::Bytes(values.size() * 4)};
  tensor::from_float(tensor::DType::f32, values, weight.payload);
  tensor::Metric counts{tensor::Metric::Kind::diagonal, 0, 6000, 1, std::vector<double>(6000, 1)};
  for (std::size_t i = 0; i < 600; ++i) counts.values[10 * i] = 20;
  const tensor::SicPlan sic(counts);
  bool complete = false;
  for (const plan::Candidate& candidate : plan::price(weight, {.sic = &sic}))
    complete |= candidate.encoding.format == Format::lowrank && candidate.encoding.rank == 24;
  CHECK(complete);
}
