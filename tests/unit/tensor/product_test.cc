#include "tensor/product.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "random_values.h"
#include "tensor/product_kernel.h"

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

namespace {

// Every target of this CPU in turn, and the best one again at the end.
class Targets {
 public:
  Targets() : targets_(tensor::vector_targets()) {}
  ~Targets() { tensor::force_vector_target(0); }
  Targets(const Targets&) = delete;
  Targets& operator=(const Targets&) = delete;
  template <typename Work>
  void each(const Work& work) const {
    for (const std::int64_t target : targets_) {
      CAPTURE(tensor::vector_target_name(target));
      tensor::force_vector_target(target);
      work();
    }
  }

 private:
  std::vector<std::int64_t> targets_;
};

// The definition in product.h, without any vector.
std::vector<float> by_definition(const std::vector<float>& a, const std::vector<float>& b, std::uint64_t rows,
                                 std::uint64_t inner, std::uint64_t cols) {
  std::vector<float> out(rows * cols);
  for (std::uint64_t i = 0; i < rows; ++i) {
    for (std::uint64_t j = 0; j < cols; ++j) {
      volatile float sum = 0;
      for (std::uint64_t k = 0; k < inner; ++k) {
        const volatile float term = a[i * inner + k] * b[k * cols + j];
        sum = sum + term;
      }
      out[i * cols + j] = sum;
    }
  }
  return out;
}

}  // namespace

TEST_CASE("every vector target gives the defined bits") {
  const Targets targets;
  std::uint64_t seed = 1;
  for (const std::uint64_t cols : {1u, 2u, 15u, 16u, 31u, 32u, 33u, 47u, 64u, 100u}) {
    for (const std::uint64_t rows : {1u, 3u, 4u, 7u, 8u, 9u, 70u}) {
      for (const std::uint64_t inner : {0u, 1u, 7u, 32u}) {
        const auto tag = static_cast<unsigned>(++seed);
        std::vector<float> a = random_values(rows * inner, tag), b = random_values(inner * cols, tag + 1000);
        // Numbers that a flush to zero or a fused multiply-add would change, and those that are no numbers.
        for (std::size_t i = 0; i < a.size(); i += 5) a[i] *= 1e-39f;
        if (seed % 4 == 0 && !b.empty()) b[b.size() / 2] = std::nanf(""), b[0] = INFINITY, b.back() = -0.0f;
        const std::vector<float> expected = by_definition(a, b, rows, inner, cols);
        targets.each([&] {
          std::vector<float> out(rows * cols, -1.0f);
          std::vector<float> by_packed(rows * cols, -1.0f);
          tensor::fixed_order_product(a, b, rows, inner, cols, out);
          tensor::PackedFactor(b, inner, cols).multiply(a, rows, by_packed);
          REQUIRE(std::memcmp(by_packed.data(), out.data(), out.size() * sizeof(float)) == 0);
          for (std::size_t i = 0; i < out.size(); ++i) {
            if (std::isnan(expected[i])) {
              REQUIRE(std::isnan(out[i]));
            } else {
              REQUIRE(std::memcmp(&out[i], &expected[i], sizeof(float)) == 0);
            }
          }
        });
      }
    }
  }
}

TEST_CASE("results too large for the caches have the same bits, wherever they start") {
  constexpr std::uint64_t kRows = 257, kCols = 1 << 15, kInner = 2;
  const std::vector<float> a = random_values(kRows * kInner, 3), b = random_values(kInner * kCols, 4);
  const std::vector<float> expected = by_definition(a, b, kRows, kInner, kCols);
  const Targets targets;
  std::vector<float> room(kRows * kCols + 16);
  for (const std::size_t shift : {0u, 1u, 15u}) {
    targets.each([&] {
      std::fill(room.begin(), room.end(), 7.0f);
      const std::span<float> out = std::span(room).subspan(shift, kRows * kCols);
      tensor::fixed_order_product(a, b, kRows, kInner, kCols, out);
      REQUIRE(std::memcmp(out.data(), expected.data(), out.size() * sizeof(float)) == 0);
      REQUIRE(room.back() == 7.0f);
    });
  }
}
