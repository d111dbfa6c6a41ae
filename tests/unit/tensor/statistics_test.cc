#include "tensor/statistics.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "random_values.h"

using namespace tt;

TEST_CASE("two values of equal share: known moments") {
  std::vector<float> values(1000, 3);
  for (std::size_t i = 0; i < 500; ++i) values[i] = -1;
  const tensor::Statistics s = tensor::statistics_of(values);
  CHECK(s.count == 1000);
  CHECK(s.mean == doctest::Approx(1));
  CHECK(s.deviation == doctest::Approx(2));
  CHECK(s.norm == doctest::Approx(std::sqrt(500.0 + 500 * 9)));
  CHECK(s.min == -1);
  CHECK(s.max == 3);
  CHECK(s.excess_kurtosis == doctest::Approx(-2));
  CHECK(s.largest == doctest::Approx(1));
  CHECK(s.distinct == 2u);
  CHECK(s.zeros == 0);
}

TEST_CASE("moments do not depend on scale, not even at the ends of float32") {
  const std::vector<float> values = random_values(4000, 5);
  const tensor::Statistics plain = tensor::statistics_of(values);
  CHECK_FALSE(plain.distinct);
  for (const float scale : {1e-30f, 1e37f}) {
    std::vector<float> scaled = values;
    for (float& value : scaled) value *= scale;
    const tensor::Statistics s = tensor::statistics_of(scaled);
    CHECK(s.excess_kurtosis == doctest::Approx(plain.excess_kurtosis).epsilon(1e-4));
    CHECK(s.largest == doctest::Approx(plain.largest).epsilon(1e-4));
    CHECK(s.deviation == doctest::Approx(plain.deviation * scale).epsilon(1e-5));
  }
}

TEST_CASE("norm and deviation agree: norm^2 = n (mean^2 + deviation^2)") {
  const tensor::Statistics s = tensor::statistics_of(random_values(999, 2));
  CHECK(s.norm * s.norm == doctest::Approx(999 * (s.mean * s.mean + s.deviation * s.deviation)));
}

TEST_CASE("zeros and outliers are shares") {
  std::vector<float> values(1000);
  for (std::size_t i = 0; i < 400; ++i) values[i] = i % 2 == 0 ? 1.0f : -1.0f;
  values[0] = 50;
  const tensor::Statistics s = tensor::statistics_of(values);
  CHECK(s.zeros == doctest::Approx(0.6));
  CHECK(s.outliers[0] == doctest::Approx(0.001));
  CHECK(s.outliers[2] == doctest::Approx(0.001));
  CHECK(s.largest > 25);
}

TEST_CASE("what is not finite is counted and left out") {
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              infinite = std::numeric_limits<float>::infinity();
  const tensor::Statistics s = tensor::statistics_of(std::vector<float>{1, nan, 3, infinite, -infinite});
  CHECK(s.count == 2);
  CHECK(s.not_finite == 3);
  CHECK(s.mean == 2);
  CHECK(s.distinct == 2u);
  const tensor::Statistics none = tensor::statistics_of(std::vector<float>{nan});
  CHECK(none.count == 0);
  CHECK(none.deviation == 0);
}

TEST_CASE("constant and empty weights have no spread") {
  for (const std::size_t count : {std::size_t{0}, std::size_t{7}}) {
    const tensor::Statistics s = tensor::statistics_of(std::vector<float>(count, 2.5f));
    CHECK(s.deviation == 0);
    CHECK(s.excess_kurtosis == 0);
    CHECK(s.largest == 0);
  }
}
