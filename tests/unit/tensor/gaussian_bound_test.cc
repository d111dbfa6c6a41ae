#include "tensor/gaussian_bound.h"

#include <doctest/doctest.h>

#include <cmath>

namespace {

using tt::tensor::gaussian_bound;
using tt::tensor::Spectrum;

TEST_CASE("equal components: half a bit an octave of the error's energy") {
  const Spectrum flat{.energy = {3, 3, 3, 3}, .total = 12};
  for (const double error : {0.9, 0.5, 0.1, 0.003})
    CHECK(gaussian_bound(flat, 100, 400, error) == doctest::Approx(std::log2(1 / error)));
}

TEST_CASE("components below the water level cost nothing") {
  const Spectrum steep{.energy = {8, 1, 0.25}, .total = 9.25};
  // Level 1/2: 1/2 + 1/2 + 1/4 of error are left.
  const double error = std::sqrt(1.25 / 9.25);
  CHECK(gaussian_bound(steep, 10, 30, error) == doctest::Approx((0.5 * 4 + 0.5 * 1) / 3));
}

TEST_CASE("the bound falls as the error grows, and never below zero") {
  const Spectrum some{.energy = {5, 2, 1, 0.5, 0.01, 0}, .total = 8.51};
  double last = INFINITY;
  for (double error = 0.001; error < 1; error *= 1.3) {
    const double bits = gaussian_bound(some, 7, 42, error);
    CHECK(bits >= 0);
    CHECK(bits < last);
    last = bits;
  }
}

TEST_CASE("ends") {
  const Spectrum some{.energy = {5, 2}, .total = 7};
  CHECK(gaussian_bound(some, 2, 4, 1) == 0);
  CHECK(std::isinf(gaussian_bound(some, 2, 4, 0)));
  CHECK(gaussian_bound({.energy = {0, 0}, .total = 0}, 2, 4, 0.5) == 0);
  CHECK(gaussian_bound(some, 0, 0, 0.5) == 0);
}

}  // namespace
