#include "tensor/mode_shapes.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

using namespace tt;
using Modes = std::vector<std::uint64_t>;

static std::uint64_t product_of(const Modes& modes) {
  std::uint64_t product = 1;
  for (const std::uint64_t mode : modes) product *= mode;
  return product;
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
