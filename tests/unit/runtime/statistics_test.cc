#include "runtime/statistics.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>
#include <numeric>

#include "support.h"

namespace tt::runtime {
namespace {

using doctest::Approx;

double normal_probability(double z) {
  return 0.5 * std::erfc(-z / std::numbers::sqrt2);
}

TEST_CASE("an exact sum keeps what rounding loses") {
  ExactSum sum;
  for (const double value : {1e100, 1.0, -1e100}) sum.add(value);
  CHECK(sum.value() == 1);
  ExactSum tenth;
  for (int i = 0; i < 10; ++i) tenth.add(0.1);
  CHECK(tenth.value() == 1);
  sum.add(INFINITY);
  sum.add(1);
  CHECK(sum.value() == INFINITY);
  sum.add(-INFINITY);
  CHECK(std::isnan(sum.value()));
}

TEST_CASE("the normal quantile is the inverse of the distribution") {
  for (const double p : {1e-300, 1e-15, 1e-4, 0.025, 0.3, 0.4999}) {
    CHECK(normal_probability(normal_quantile(p)) == Approx(p).epsilon(1e-10));
    CHECK(normal_quantile(1 - 0.3) == Approx(-normal_quantile(0.3)).epsilon(1e-12));
  }
  CHECK(normal_quantile(0.5) == Approx(0));
  CHECK(interval_quantile(95) == Approx(1.959963984540054).epsilon(1e-13));
  CHECK(interval_quantile(99.99999999999) > 7);
  for (const double confidence : {0.0, 100.0, -1.0, double(NAN)})
    CHECK(test::error_kind([&] { interval_quantile(confidence); }, "confidence") == base::ErrorKind::usage);
}

TEST_CASE("nearest rank") {
  const std::vector<double> values = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  CHECK(nearest_rank(values, 0) == 1);
  CHECK(nearest_rank(values, 0.5) == 5);
  CHECK(nearest_rank(values, 0.51) == 6);
  CHECK(nearest_rank(values, 0.9) == 9);
  CHECK(nearest_rank(values, 0.99) == 10);
  CHECK(nearest_rank(std::vector<double>{3}, 0.5) == 3);
}

TEST_CASE("the interval of paired proportions") {
  const double z = interval_quantile(95);
  // All right with both: Wilson's lower limit n / (n + z^2), and no upper part.
  for (const double n : {1.0, 20.0, 1000.0}) {
    const auto [low, high] = newcombe_interval({static_cast<std::uint64_t>(n), 0, 0, 0}, z);
    CHECK(high == Approx(z * z / (n + z * z)));
    CHECK(low == Approx(-high));
  }
  for (const PairCounts pairs : {PairCounts{36, 12, 2, 0}, PairCounts{80, 3, 9, 8}, PairCounts{0, 5, 0, 3},
                                 PairCounts{0, 4, 0, 0}, PairCounts{2, 30, 30, 1}}) {
    const auto [low, high] = newcombe_interval(pairs, z);
    const double drop = (static_cast<double>(pairs.only_first) - static_cast<double>(pairs.only_second)) /
                        static_cast<double>(pairs.total());
    CHECK(low <= drop);
    CHECK(drop <= high);
    CHECK(low >= -1);
    CHECK(high <= 1);
    // The other way round, and a narrower one inside.
    const auto [other_low, other_high] =
        newcombe_interval({pairs.both, pairs.only_second, pairs.only_first, pairs.neither}, z);
    CHECK(other_low == Approx(-high));
    CHECK(other_high == Approx(-low));
    const auto [inner_low, inner_high] = newcombe_interval(pairs, z / 2);
    CHECK(low <= inner_low);
    CHECK(inner_high <= high);
  }
  // Pairs that agree make it narrower than the same proportions without agreement.
  const auto [low, high] = newcombe_interval({800, 20, 10, 170}, z);
  const auto [loose_low, loose_high] = newcombe_interval({664, 156, 146, 34}, z);
  CHECK(high - low < 0.5 * (loose_high - loose_low));
  // Large counts: the interval of the differences, sqrt(b + c) / n wide.
  CHECK(high - 0.01 == Approx(z * std::sqrt(30.0 - 0.1) / 1000).epsilon(0.1));
}

TEST_CASE("the exact test of McNemar") {
  CHECK(mcnemar_p(0, 0) == 1);
  CHECK(mcnemar_p(5, 0) == Approx(2.0 / 32));
  CHECK(mcnemar_p(1, 5) == Approx(2.0 * 7 / 64));
  CHECK(mcnemar_p(5, 1) == mcnemar_p(1, 5));
  CHECK(mcnemar_p(4, 4) == 1);
  CHECK(mcnemar_p(0, 2000) < 1e-300);
  // The normal approximation with a correction for continuity at large counts.
  const double z = (std::abs(50500.0 - 49500.0) - 1) / std::sqrt(100000.0);
  CHECK(mcnemar_p(50500, 49500) == Approx(2 * normal_probability(-z)).epsilon(1e-3));
}

TEST_CASE("the bootstrap of a ratio") {
  const std::vector<double> ones(50, 1), twos(50, 2);
  const auto [same_low, same_high] = bootstrap_ratio(ones, twos, 95, 1);
  CHECK(same_low == 0.5);
  CHECK(same_high == 0.5);
  std::vector<double> values(400);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = i % 4 == 0;
  const std::vector<double> weights(400, 1);
  const auto first = bootstrap_ratio(values, weights, 95, 7), again = bootstrap_ratio(values, weights, 95, 7);
  CHECK(first == again);
  CHECK(first != bootstrap_ratio(values, weights, 95, 8));
  const double error = interval_quantile(95) * std::sqrt(0.25 * 0.75 / 400);
  CHECK(first.first == Approx(0.25 - error).epsilon(0.1));
  CHECK(first.second == Approx(0.25 + error).epsilon(0.1));
}

}  // namespace
}  // namespace tt::runtime
