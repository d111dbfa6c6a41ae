#include "tensor/spectrum.h"

#include <doctest/doctest.h>

#include <cmath>

#include "base/error.h"
#include "random_values.h"
#include "tensor/gram.h"
#include "tensor/product.h"
#include "tensor/svd.h"

extern "C" void openblas_set_num_threads(int);
namespace {
// Same bits in every run of the tests.
const bool one_thread = (openblas_set_num_threads(1), true);
}  // namespace

using namespace tt;

// By rank alone, as the codec asks for it; 0 would be no cap.
static tensor::LowRank truncated(const tensor::MatrixView& a, std::uint64_t rank) {
  return tensor::balanced(tensor::svd(a, {.max_rank = rank}));
}

static std::vector<float> multiplied(const tensor::LowRank& f) {
  std::vector<float> out(f.rows * f.cols);
  tensor::fixed_order_product(f.left, f.right, f.rows, f.rank, f.cols, out);
  return out;
}

TEST_CASE("the error is the tail of the spectrum, for every shape") {
  REQUIRE(one_thread);
  const std::uint64_t shapes[][2] = {{1, 1},   {1, 9},   {9, 1},    {7, 7},
                                     {40, 60}, {60, 40}, {5, 3000}, {3000, 5}};
  for (const auto& [rows, cols] : shapes) {
    CAPTURE(rows);
    CAPTURE(cols);
    const std::vector<float> values = random_values(rows * cols, 7);
    const tensor::MatrixView view{values, rows, cols};
    const tensor::Spectrum spectrum = tensor::spectrum(view);
    CHECK(spectrum.energy.size() == std::min(rows, cols));
    CHECK(spectrum.tail(0) == doctest::Approx(spectrum.total));
    for (const std::uint64_t rank :
         {std::uint64_t{1}, (std::min(rows, cols) + 1) / 2, std::min(rows, cols), std::uint64_t{1000000}}) {
      const tensor::LowRank factors = truncated(view, rank);
      CHECK(factors.rank == std::min(rank, std::min(rows, cols)));
      const double error = tensor::squared_distance(values, multiplied(factors));
      CHECK(error == doctest::Approx(spectrum.tail(rank)).epsilon(1e-4).scale(1e-9 * spectrum.total));
    }
  }
}

TEST_CASE("rank_for keeps the tolerance with the smallest rank") {
  const std::vector<float> values = low_rank_values(50, 80, 6, 0.01f, 3);
  const tensor::Spectrum spectrum = tensor::spectrum({values, 50, 80});
  for (const double tolerance : {1e-6, 1e-3, 0.02, 0.3, 0.9}) {
    const std::uint64_t rank = spectrum.rank_for(tolerance);
    const double allowed = tolerance * tolerance * spectrum.total;
    CHECK(spectrum.tail(rank) <= allowed * 1.000001);
    if (rank > 0) CHECK(spectrum.tail(rank - 1) > allowed * 0.999999);
  }
  CHECK(spectrum.rank_for(1.0001) == 0);
}

TEST_CASE("concentration is 1 for equal components and their number for a single one") {
  std::vector<float> rotation(8 * 8), outer(6 * 9);
  for (std::size_t i = 0; i < 8; ++i) rotation[i * 8 + (3 * i + 2) % 8] = i % 2 == 0 ? 2.0f : -2.0f;
  for (std::size_t i = 0; i < outer.size(); ++i)
    outer[i] = static_cast<float>(1 + i / 9) * static_cast<float>(i % 9 + 2);
  const auto of = [](const std::vector<float>& values, std::uint64_t rows) {
    return tensor::spectrum({values, rows, values.size() / rows}).concentration();
  };
  CHECK(of(rotation, 8) == doctest::Approx(1));
  CHECK(of(outer, 6) == doctest::Approx(6).epsilon(0.01));
  CHECK(of(std::vector<float>(12, 0.0f), 3) == 1);
  const std::vector<float> between = low_rank_values(50, 80, 6, 0.1f, 3);
  CHECK(of(between, 50) > 1.5);
  CHECK(of(between, 50) < 50);
}

TEST_CASE("factors are balanced, orthogonal and have a fixed sign") {
  const std::uint64_t rows = 30, cols = 20, rank = 8;
  const std::vector<float> values = random_values(rows * cols, 5);
  const tensor::LowRank f = truncated({values, rows, cols}, rank);
  const tensor::Spectrum spectrum = tensor::spectrum({values, rows, cols});
  for (std::uint64_t a = 0; a < rank; ++a) {
    float largest = 0;
    for (std::uint64_t i = 0; i < rows; ++i) {
      if (std::abs(f.left[i * rank + a]) > std::abs(largest)) largest = f.left[i * rank + a];
    }
    CHECK(largest > 0);
    for (std::uint64_t b = 0; b < rank; ++b) {
      double left = 0, right = 0;
      for (std::uint64_t i = 0; i < rows; ++i)
        left += static_cast<double>(f.left[i * rank + a]) * f.left[i * rank + b];
      for (std::uint64_t j = 0; j < cols; ++j)
        right += static_cast<double>(f.right[a * cols + j]) * f.right[b * cols + j];
      const double expected = a == b ? std::sqrt(spectrum.energy[a]) : 0;
      CHECK(left == doctest::Approx(expected).epsilon(1e-5));
      CHECK(right == doctest::Approx(expected).epsilon(1e-5));
    }
  }
}

TEST_CASE("degenerate matrices have a defined result") {
  const std::vector<float> zero(12, 0.0f), constant(12, 3.0f);
  CHECK(tensor::spectrum({zero, 3, 4}).rank_for(0) == 0);
  CHECK(multiplied(truncated({zero, 3, 4}, 2)) == zero);
  CHECK(tensor::spectrum({constant, 3, 4}).rank_for(1e-6) == 1);
  for (const float scale : {1e38f, 1e-30f, 1e-42f}) {
    const std::vector<float> values = random_values(200, 1, scale);
    const tensor::MatrixView view{values, 10, 20};
    const double error = tensor::squared_distance(values, multiplied(truncated(view, 10)));
    CHECK(std::sqrt(error) <= (scale < 1e-37f ? 1.0 : 1e-5) * std::sqrt(tensor::squared_norm(values)));
  }
  CHECK(truncated({{}, 0, 5}, 3).rank == 0);
  const std::vector<float> broken{1.0f, std::nanf(""), 2.0f, 3.0f};
  CHECK_THROWS_AS(tensor::spectrum({broken, 2, 2}), base::Error);
}

TEST_CASE("least squares for a given left factor leaves a residual orthogonal to it") {
  const std::uint64_t rows = 25, cols = 40, rank = 5;
  const std::vector<float> values = random_values(rows * cols, 11);
  std::vector<float> left = random_values(rows * rank, 12);
  const tensor::MatrixView view{values, rows, cols};
  const std::vector<float> right = tensor::solve_right(view, left, rank);
  REQUIRE(right.size() == rank * cols);
  const double best = tensor::residual_energy(view, left, right, rank);
  std::vector<float> product(rows * cols);
  tensor::fixed_order_product(left, right, rows, rank, cols, product);
  CHECK(best == doctest::Approx(tensor::squared_distance(values, product)).epsilon(1e-5));
  for (std::uint64_t k = 0; k < rank; ++k) {
    for (std::uint64_t j = 0; j < cols; ++j) {
      double dot = 0;
      for (std::uint64_t i = 0; i < rows; ++i)
        dot += left[i * rank + k] * (values[i * cols + j] - product[i * cols + j]);
      REQUIRE(std::abs(dot) < 1e-4);
    }
  }
  // A zero column takes no part; two equal columns have no unique solution.
  for (std::uint64_t i = 0; i < rows; ++i) left[i * rank] = 0;
  CHECK(tensor::solve_right(view, left, rank).size() == rank * cols);
}
