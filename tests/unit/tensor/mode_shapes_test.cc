#include "tensor/mode_shapes.h"

#include <doctest/doctest.h>

#include <cmath>

#include "base/error.h"
#include "random_values.h"
#include "tensor/tt_algebra.h"

using namespace tt;
using Modes = std::vector<std::uint64_t>;

static std::uint64_t product_of(const Modes& modes) {
  std::uint64_t product = 1;
  for (const std::uint64_t mode : modes) product *= mode;
  return product;
}

TEST_CASE("the specification's shapes") {
  CHECK(tensor::blocked_modes(768, 3072) == Modes{256, 3, 256, 12});
  CHECK(tensor::blocked_modes(768, 1024) == Modes{256, 3, 256, 4});
  CHECK(tensor::blocked_modes(256, 256) == Modes{256, 256});
  CHECK(tensor::blocked_modes(1, 1) == Modes{1});
  for (const std::uint64_t rows : {1u, 7u, 100u, 512u, 50257u, 4096u}) {
    for (const std::uint64_t cols : {1u, 13u, 768u, 1000u}) {
      const Modes modes = tensor::blocked_modes(rows, cols);
      CHECK(product_of(modes) == rows * cols);
      CHECK(modes.size() <= 8);
    }
  }
}

TEST_CASE("small modes, as tutorials have them") {
  CHECK(tensor::small_modes(256, 64) == Modes{4, 8, 8, 8, 8});
  CHECK(tensor::small_modes(784, 625) == Modes{4, 4, 7, 7, 5, 5, 5, 5});
  CHECK(tensor::small_modes(10, 5087) == Modes{2, 5, 5087});
  CHECK(tensor::small_modes(1, 1) == Modes{1});
  for (const std::uint64_t rows : {1u, 7u, 100u, 512u, 50257u, 4096u, 65536u}) {
    for (const std::uint64_t cols : {1u, 13u, 768u, 1000u}) {
      const Modes modes = tensor::small_modes(rows, cols);
      CHECK(product_of(modes) == rows * cols);
      CHECK(modes.size() <= 8);
    }
  }
}

TEST_CASE("given modes are checked") {
  CHECK(tensor::given_modes(12, 10, {3, 4, 5, 2}) == Modes{3, 4, 5, 2});
  CHECK(tensor::given_modes(12, 10, {120}) == Modes{120});
  CHECK_THROWS_AS(tensor::given_modes(12, 10, {3, 4, 5}), base::Error);
  CHECK_THROWS_AS(tensor::given_modes(12, 10, {}), base::Error);
  CHECK_THROWS_AS(tensor::given_modes(0, 10, {0, 10}), base::Error);
  CHECK_THROWS_AS(tensor::given_modes(12, 10, {1, 1, 1, 1, 1, 1, 1, 12, 10}), base::Error);
  CHECK_THROWS_AS(tensor::given_modes(12, 10, Modes(8, std::uint64_t{1} << 40)), base::Error);
}

TEST_CASE("primes are padded to balanced factors, by little") {
  CHECK(tensor::padded_modes(97, 1).modes == Modes{7, 14});
  CHECK(tensor::padded_modes(97, 1).rows == 98);
  CHECK(tensor::padded_modes(768, 3072).modes == Modes{24, 32, 48, 64});
  CHECK(tensor::padded_modes(1, 3).modes == Modes{3});
  CHECK(tensor::padded_modes(1, 1).modes == Modes{1});
  for (std::uint64_t side = 1; side < 3000; ++side) {
    const tensor::PaddedModes padded = tensor::padded_modes(side, 5);
    REQUIRE(padded.rows >= side);
    REQUIRE(static_cast<double>(padded.rows - side) < std::sqrt(static_cast<double>(side)) + 1);
    REQUIRE(product_of(padded.modes) == padded.rows * padded.cols);
    REQUIRE(padded.modes.size() <= 4);
  }
  CHECK(tensor::padded_modes(2147483647, 2).rows < 2147483647 + 46342u);
  CHECK_THROWS_AS(tensor::padded_modes(0, 4), base::Error);
  CHECK_THROWS_AS(tensor::padded_modes(std::uint64_t{1} << 40, 4), base::Error);
}

TEST_CASE("a padded matrix goes through a train and comes back") {
  const std::vector<float> values = random_values(13 * 29, 4);
  const tensor::PaddedModes shape = tensor::padded_modes(13, 29);
  const std::vector<float> large = tensor::padded({values, 13, 29}, shape.rows, shape.cols);
  CHECK(tensor::squared_norm(large) == doctest::Approx(tensor::squared_norm(values)));
  CHECK(tensor::cropped({large, shape.rows, shape.cols}, 13, 29) == values);
  const std::vector<float> back = tensor::tt_full(tensor::tt_svd(large, shape.modes, {}));
  CHECK(tensor::squared_distance(tensor::cropped({back, shape.rows, shape.cols}, 13, 29), values) <
        1e-10 * tensor::squared_norm(values));
}
