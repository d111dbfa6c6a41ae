#include "tensor/tucker.h"

#include <doctest/doctest.h>

#include <cmath>

#include "base/error.h"
#include "random_values.h"
#include "tensor/matrix.h"
#include "tensor/random.h"
#include "tensor/spectrum.h"

using namespace tt;
using tensor::Shape;

static double measured(const std::vector<float>& values, const tensor::Tucker& tucker) {
  return std::sqrt(tensor::squared_distance(values, tensor::tucker_full(tucker)));
}

static double off_orthonormal(const std::vector<float>& factor, std::uint64_t n, std::uint64_t rank) {
  double worst = 0;
  for (std::uint64_t a = 0; a < rank; ++a) {
    for (std::uint64_t b = 0; b <= a; ++b) {
      double dot = a == b ? -1 : 0;
      for (std::uint64_t i = 0; i < n; ++i)
        dot += static_cast<double>(factor[i * rank + a]) * factor[i * rank + b];
      worst = std::max(worst, std::abs(dot));
    }
  }
  return worst;
}

TEST_CASE(
    "a thousand shapes: orthonormal factors, reported error = measured error, tolerance and caps kept") {
  for (std::uint64_t i = 0; i < 1000; ++i) {
    Shape shape(1 + tensor::random_bits(1, i) % 4);
    for (std::size_t k = 0; k < shape.size(); ++k) shape[k] = 1 + tensor::random_bits(2 + k, i) % 7;
    std::vector<float> values = random_values(tensor::element_count(shape), static_cast<unsigned>(i));
    if (i % 40 == 3) values.assign(values.size(), i % 80 == 3 ? 0.0f : 1.5f);
    tensor::TuckerOptions options{.max_ranks = {}, .tolerance = i % 3 == 0 ? 0.4 : 0, .modes = {}};
    if (i % 2 == 0) {
      for (std::size_t k = 0; k < shape.size(); ++k)
        options.max_ranks.push_back(tensor::random_bits(20 + k, i) % 5);
    }
    const tensor::Tucker result = tensor::tucker(values, shape, options);
    CAPTURE(i);
    REQUIRE(std::abs(measured(values, result) - result.error) <= 2e-6 * result.norm);
    for (std::size_t k = 0; k < shape.size(); ++k) {
      REQUIRE(off_orthonormal(result.factors[k], shape[k], result.ranks[k]) < 2e-6);
      if (!options.max_ranks.empty() && options.max_ranks[k] > 0)
        REQUIRE(result.ranks[k] <= options.max_ranks[k]);
    }
    if (options.max_ranks.empty()) REQUIRE(result.error <= options.tolerance * result.norm * (1 + 1e-12));
    if (options.max_ranks.empty() && options.tolerance == 0) REQUIRE(result.ranks == shape);
  }
}

TEST_CASE("of a matrix it is the truncated svd") {
  const std::vector<float> values = random_values(20 * 30, 3);
  const tensor::Tucker result =
      tensor::tucker(values, {20, 30}, {.max_ranks = {5, 5}, .tolerance = 0, .modes = {}});
  CHECK(result.error * result.error ==
        doctest::Approx(tensor::spectrum({values, 20, 30}).tail(5)).epsilon(1e-9));
}

TEST_CASE("tucker-2 leaves the window of a kernel alone and finds its ranks") {
  // out x in ranks 3 and 4, window 3x3.
  const Shape small{3, 4, 3, 3}, shape{16, 12, 3, 3};
  tensor::Tucker origin{
      shape, small, random_values(3 * 4 * 9, 1), {random_values(16 * 3, 2), random_values(12 * 4, 3), {}, {}},
      0,     0};
  const std::vector<float> kernel = tensor::tucker_full(origin);
  const tensor::Tucker found = tensor::tucker2(kernel, shape, 0, 0, 1e-5);
  CHECK(found.ranks == small);
  CHECK(found.factors[2].empty());
  CHECK(found.elements() == 16 * 3 + 12 * 4 + 3 * 4 * 9);
  CHECK(measured(kernel, found) <= 2e-6 * found.norm);
  const tensor::Tucker capped = tensor::tucker2(kernel, shape, 2, 0, 1e-5);
  CHECK(capped.ranks[0] == 2);
  CHECK(measured(kernel, capped) == doctest::Approx(capped.error).epsilon(1e-4));
  CHECK(tensor::tucker2(kernel, {16, 108}, 3, 3, 0).ranks == Shape{3, 3});
}

TEST_CASE("wrong input is refused") {
  const std::vector<float> values(12, 1.0f), broken(4, NAN);
  CHECK_THROWS_AS(tensor::tucker(values, {3, 5}, {}), base::Error);
  CHECK_THROWS_AS(tensor::tucker(values, {}, {}), base::Error);
  CHECK_THROWS_AS(tensor::tucker(values, {3, 4}, {.max_ranks = {1}, .tolerance = 0, .modes = {}}),
                  base::Error);
  CHECK_THROWS_AS(tensor::tucker(values, {3, 4}, {.max_ranks = {}, .tolerance = -1, .modes = {}}),
                  base::Error);
  CHECK_THROWS_AS(tensor::tucker(values, {3, 4}, {.max_ranks = {}, .tolerance = 0, .modes = {true}}),
                  base::Error);
  CHECK_THROWS_AS(tensor::tucker(broken, {2, 2}, {}), base::Error);
  CHECK_THROWS_AS(tensor::tucker2(values, {12}, 1, 1, 0), base::Error);
}
