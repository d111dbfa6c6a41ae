#include "plan/tap_curve.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "plan/price.h"

using namespace tt;
using codec::Format;

// Kernels of which neighbouring taps are alike, as far as `smooth`, 0 to 1.
static codec::WeightData kernels(const tensor::Shape& shape, float smooth) {
  std::mt19937 generator(5);
  std::vector<float> values(tensor::element_count(shape));
  for (std::size_t at = 0; at < values.size(); ++at) {
    values[at] = static_cast<float>(generator()) / 4294967296.0f - 0.5f;
    if (at % 9 != 0) values[at] = smooth * values[at - 1] + (1.1f - smooth) * values[at];
  }
  codec::WeightData weight{{tensor::DType::f32, shape, shape[0], values.size() / shape[0]},
                           base::Bytes(values.size() * 4)};
  tensor::from_float(tensor::DType::f32, values, weight.payload);
  return weight;
}
static bool offers_tucker(const plan::Curve& curve) {
  return std::any_of(curve.begin(), curve.end(), [](const plan::Candidate& candidate) {
    return candidate.encoding.format == Format::tucker;
  });
}

TEST_CASE("smooth kernels are offered by their taps, others are not") {
  CHECK(offers_tucker(plan::price(kernels({64, 16, 3, 3}, 0.9f), {})));
  CHECK_FALSE(offers_tucker(plan::price(kernels({64, 144}, 0.9f), {})));
  CHECK_FALSE(offers_tucker(plan::price(kernels({64, 16, 3, 3}, 0.9f), {.freedom = plan::Freedom::exact})));
}

TEST_CASE("kernels that see flat patches only are not offered by their taps") {
  const codec::WeightData weight = kernels({64, 4, 3, 3}, 0.9f);
  for (const double flat : {1.0, 100.0}) {
    tensor::Metric metric{tensor::Metric::Kind::full, 1, 36, 1, std::vector<double>(36 * 36)};
    for (std::size_t i = 0; i < 36; ++i)
      for (std::size_t j = 0; j < 36; ++j)
        metric.values[i * 36 + j] = i == j ? flat + 1 : i / 9 == j / 9 ? flat : 0;
    const tensor::SicPlan sic(metric);
    const plan::Curve quant = plan::pareto(plan::price_quant(weight, &sic, false));
    CHECK(plan::price_taps(weight, &sic, quant, 1 << 16).empty() == (flat > 50));
  }
}

TEST_CASE("finer steps cost more bytes and lose less") {
  const codec::WeightData weight = kernels({48, 12, 3, 3}, 0.8f);
  const plan::Curve quant = plan::pareto(plan::price_quant(weight, nullptr, false));
  const std::vector<plan::Candidate> candidates = plan::price_taps(weight, nullptr, quant, 1 << 16);
  REQUIRE(candidates.size() > 5);
  for (std::size_t i = 1; i < candidates.size(); ++i) {
    CHECK(candidates[i].encoding.step < candidates[i - 1].encoding.step);
    CHECK(candidates[i].bytes > candidates[i - 1].bytes);
    CHECK(candidates[i].loss < candidates[i - 1].loss);
  }
  CHECK(plan::price_taps(kernels({48, 108}, 0.8f), nullptr, quant, 1 << 16).empty());
}
