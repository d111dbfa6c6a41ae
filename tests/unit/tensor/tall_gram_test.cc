#include "tensor/tall_gram.h"

#include <doctest/doctest.h>

#include <cmath>

#include "random_values.h"
#include "tensor/gram.h"
#include "tensor/product_kernel.h"

using namespace tt;

TEST_CASE("the kernel agrees with the double sum on every target, for all widths and lengths") {
  for (const std::uint64_t cols : {1u, 2u, 7u, 8u, 9u, 31u, 32u, 33u, 40u, 65u, 130u}) {
    for (const std::uint64_t rows : {131u, 255u, 256u, 257u, 1000u}) {
      const std::vector<float> x = random_values(rows * cols, static_cast<unsigned>(rows + cols));
      const std::vector<double> expected = tensor::gram_of({x, rows, cols});
      for (const std::int64_t target : tensor::vector_targets()) {
        CAPTURE(tensor::vector_target_name(target));
        tensor::force_vector_target(target);
        const std::vector<double> gram = tensor::tall_gram(x, rows, cols);
        double distance = 0, norm = 0;
        for (std::size_t i = 0; i < gram.size(); ++i) {
          distance += (gram[i] - expected[i]) * (gram[i] - expected[i]);
          norm += expected[i] * expected[i];
        }
        REQUIRE(std::sqrt(distance) <= 1e-6 * std::sqrt(norm));
      }
      tensor::force_vector_target(0);
    }
  }
  CHECK(tensor::tall_gram({}, 0, 3) == std::vector<double>(9, 0.0));
}
