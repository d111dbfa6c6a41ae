#include "tensor/components.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "base/error.h"
#include "random_values.h"

extern "C" void openblas_set_num_threads(int);
namespace {
const bool one_thread = (openblas_set_num_threads(1), true);
}  // namespace

using namespace tt;

static double product(const std::vector<double>& a, std::size_t i, const std::vector<double>& b,
                      std::size_t j, std::size_t length) {
  double sum = 0;
  for (std::size_t k = 0; k < length; ++k) sum += a[i * length + k] * b[j * length + k];
  return sum;
}

TEST_CASE("u^T A v = sigma, orthonormal on both sides, for every shape") {
  REQUIRE(one_thread);
  const std::uint64_t shapes[][2] = {{1, 1},   {1, 9},   {9, 1},    {7, 7},
                                     {40, 60}, {60, 40}, {5, 3000}, {3000, 5}};
  for (const auto& [rows, cols] : shapes) {
    CAPTURE(rows);
    CAPTURE(cols);
    const std::vector<float> values = random_values(rows * cols, 7);
    const tensor::Components found = tensor::components_of({values, rows, cols}, 4);
    const tensor::Spectrum known = tensor::spectrum({values, rows, cols});
    CHECK(found.count == std::min<std::uint64_t>(4, std::min(rows, cols)));
    for (std::size_t i = 0; i < known.energy.size(); ++i)
      CHECK(found.spectrum.energy[i] == doctest::Approx(known.energy[i]));
    for (std::size_t i = 0; i < found.count; ++i) {
      for (std::size_t j = 0; j < found.count; ++j) {
        CHECK(std::abs(product(found.left, i, found.left, j, rows) - (i == j)) < 1e-6);
        CHECK(std::abs(product(found.right, i, found.right, j, cols) - (i == j)) < 1e-6);
      }
      double sigma = 0;
      for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t c = 0; c < cols; ++c)
          sigma += found.left[i * rows + r] * static_cast<double>(values[r * cols + c]) *
                   found.right[i * cols + c];
      CHECK(sigma == doctest::Approx(std::sqrt(found.spectrum.energy[i])));
    }
  }
}

TEST_CASE("fewer directions where the rank is smaller, none for zeros and empty") {
  const std::vector<float> values = low_rank_values(30, 20, 2, 0, 1);
  CHECK(tensor::components_of({values, 30, 20}, 8).count == 2);
  const std::vector<float> zeros(12);
  CHECK(tensor::components_of({zeros, 3, 4}, 8).count == 0);
  CHECK(tensor::components_of({{}, 0, 4}, 8).count == 0);
}

TEST_CASE("a large side lists its leading values, and the rest is one number") {
  const std::uint64_t rows = tensor::kExactSide + 10, cols = tensor::kExactSide + 20;
  const std::vector<float> values = low_rank_values(rows, cols, 3, 0.01f, 2);
  const tensor::Components found = tensor::components_of({values, rows, cols}, 2);
  CHECK(found.spectrum.energy.size() == tensor::kLeading);
  CHECK(found.spectrum.beyond > 0);
  CHECK(found.spectrum.tail(0) == doctest::Approx(found.spectrum.total).epsilon(1e-4));
  CHECK(found.count == 2);
  CHECK(product(found.left, 0, found.left, 0, rows) == doctest::Approx(1).epsilon(1e-5));
}

TEST_CASE("values that are not finite are refused") {
  const std::vector<float> values = {1, NAN, 3, 4};
  CHECK_THROWS_AS(tensor::components_of({values, 2, 2}, 1), base::Error);
}
