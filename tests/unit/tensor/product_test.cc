#include "tensor/product.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "random_values.h"

using namespace tt;

TEST_CASE("the product is the defined sum, bit for bit, for all widths") {
  for (const std::uint64_t cols : {1u, 15u, 31u, 32u, 33u, 64u, 100u}) {
    for (const std::uint64_t rows : {1u, 3u, 4u, 70u}) {
      for (const std::uint64_t inner : {0u, 1u, 7u}) {
        const std::vector<float> a = random_values(rows * inner, 1), b = random_values(inner * cols, 2);
        std::vector<float> out(rows * cols, -1.0f), expected(rows * cols, 0.0f);
        tensor::fixed_order_product(a, b, rows, inner, cols, out);
        for (std::uint64_t i = 0; i < rows; ++i) {
          for (std::uint64_t k = 0; k < inner; ++k) {
            for (std::uint64_t j = 0; j < cols; ++j) {
              const float term = a[i * inner + k] * b[k * cols + j];
              expected[i * cols + j] = expected[i * cols + j] + term;
            }
          }
        }
        REQUIRE(std::memcmp(out.data(), expected.data(), out.size() * sizeof(float)) == 0);
      }
    }
  }
}

TEST_CASE("a negative zero is absorbed, NaN is kept") {
  std::vector<float> out(1);
  tensor::fixed_order_product(std::vector<float>{-0.0f}, std::vector<float>{1.0f}, 1, 1, 1, out);
  CHECK_FALSE(std::signbit(out[0]));
  tensor::fixed_order_product(std::vector<float>{std::nanf("")}, std::vector<float>{0.0f}, 1, 1, 1, out);
  CHECK(std::isnan(out[0]));
}

TEST_CASE("the halves split where the larger side is least") {
  const std::vector<float> values = random_values(2 * 3 * 4 * 5, 3);
  const tensor::TrainHalves halves = tensor::contract_halves(tensor::tt_svd(values, {2, 3, 4, 5}, {}));
  CHECK(halves.rows == 6);
  CHECK(halves.cols == 20);
  const tensor::TrainHalves tie = tensor::contract_halves(tensor::tt_svd(values, {10, 1, 12}, {}));
  CHECK(tie.rows == 10);
}
