#include "tensor/trellis.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <vector>

#include "random_values.h"
#include "tensor/trellis_column.h"

using namespace tt;
using tensor::TrellisPrices;
using Codes = std::vector<std::int32_t>;

namespace {

constexpr TrellisPrices kPrices = {0.3f, 0.9f, 0.4f, 0.5f, 1.0f, 0.45f};

double price(const TrellisPrices& prices, std::int32_t code) {
  const auto half = static_cast<double>(std::abs(code) / 2);
  if (code == 0) return double{prices.zero};
  if (code % 2 == 0) return double{prices.even_first} + double{prices.even_more} * (half - 1);
  return half == 0 ? double{prices.odd_least}
                   : double{prices.odd_first} + double{prices.odd_more} * (half - 1);
}

double cost(const std::vector<float>& targets, double step, const TrellisPrices& prices, const Codes& codes) {
  double sum = 0;
  for (std::size_t i = 0; i < codes.size(); ++i)
    sum += std::pow(double{targets[i]} / step - codes[i], 2) + price(prices, codes[i]);
  return sum;
}

// Of all sequences of codes from -most to most that follow the trellis.
double least_cost(const std::vector<float>& targets, double step, const TrellisPrices& prices,
                  std::int32_t most) {
  const std::function<double(std::size_t, std::uint32_t)> from = [&](std::size_t i, std::uint32_t state) {
    if (i == targets.size()) return 0.0;
    double least = HUGE_VAL;
    for (std::int32_t code = -most; code <= most; ++code)
      if (((code & 1) != 0) == tensor::takes_odd(state))
        least = std::min(least, std::pow(double{targets[i]} / step - code, 2) + price(prices, code) +
                                    from(i + 1, tensor::next_state(state, tensor::in_higher_subset(code))));
    return least;
  };
  return from(0, 0);
}

Codes codes_for(const std::vector<float>& targets, float step, const TrellisPrices& prices,
                float most = 1000) {
  Codes codes(targets.size());
  tensor::TrellisSearch()(targets, 1 / step, most, prices, codes);
  return codes;
}

bool follows(const Codes& codes) {
  std::uint32_t state = 0;
  for (const std::int32_t code : codes) {
    if (((code & 1) != 0) != tensor::takes_odd(state)) return false;
    state = tensor::next_state(state, tensor::in_higher_subset(code));
  }
  return true;
}

struct RateAndError {
  double bits = 0, error = 0;  // a value; even and odd codes have an entropy each
};
RateAndError measure(const std::vector<float>& values, float step, const Codes& codes, bool trellis) {
  std::map<std::int32_t, double> counts[2];
  double totals[2] = {0, 0};
  RateAndError found;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const bool odd = trellis && (codes[i] & 1) != 0;
    ++counts[odd][codes[i]];
    ++totals[odd];
    found.error += std::pow(double{values[i]} - double{step} * codes[i], 2);
  }
  for (const int odd : {0, 1})
    for (const auto& [code, count] : counts[odd]) found.bits -= count * std::log2(count / totals[odd]);
  const auto count = static_cast<double>(codes.size());
  return {found.bits / count, found.error / count};
}

}  // namespace

TEST_CASE("the path is the cheapest of all") {
  for (unsigned seed = 0; seed < 12; ++seed) {
    const std::vector<float> targets = random_values(6, seed);
    for (const float step : {0.4f, 1.0f, 2.5f})
      for (const TrellisPrices& prices : {TrellisPrices{}, kPrices}) {
        const Codes codes = codes_for(targets, step, prices);
        CHECK(follows(codes));
        CHECK(cost(targets, double{step}, prices, codes) ==
              doctest::Approx(least_cost(targets, double{step}, prices, 9)).epsilon(1e-5));
      }
  }
}

TEST_CASE("long paths follow the trellis, zeros cost nothing, codes stay below the largest") {
  for (const std::size_t count : {0u, 1u, 2u, 63u, 64u, 65u, 1000u, 20000u}) {
    const std::vector<float> targets = random_values(count, 7);
    for (const float step : {0.001f, 0.3f, 5.0f}) CHECK(follows(codes_for(targets, step, kPrices, 1 << 22)));
    const Codes cut = codes_for(targets, 0.001f, {}, 100);
    CHECK(std::all_of(cut.begin(), cut.end(), [](std::int32_t code) { return std::abs(code) <= 100; }));
    CHECK(codes_for(std::vector<float>(count), 1, {}) == Codes(count, 0));
  }
}

TEST_CASE("at an equal error a trellis takes an eighth of a bit less than free integers, at any rate") {
  const std::vector<float> values = random_values(60000, 3);  // normal
  for (const float step : {0.1f, 0.3f, 0.8f}) {
    Codes along(values.size()), free(values.size());
    std::vector<float> errors(values.size());
    const double price = 0.13;
    tensor::TrellisColumns columns(price / double{tensor::kTrellisStep * tensor::kTrellisStep},
                                   values.size());
    const float fine = step * tensor::kTrellisStep;
    columns.round(values, values, {fine, 1 / fine, 1e6f, {}}, along, errors);
    CHECK(follows(along));
    tensor::ColumnRule rule{step, 1 / step, 1e6f, {}};
    for (int round = 0; round < 3; ++round)
      rule.thresholds = tensor::cheapest(tensor::tally_of(values, rule), price);
    tensor::round_column(values, values, rule, free, errors);
    const RateAndError a = measure(values, fine, along, true), b = measure(values, step, free, false);
    CAPTURE(b.bits);
    CHECK(a.bits + 0.5 * std::log2(a.error / b.error) < b.bits - 0.125);
  }
}
