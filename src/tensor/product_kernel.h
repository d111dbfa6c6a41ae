// The loops of fixed_order_product for every vector width (Highway, chosen at run time).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tt::tensor {

// As fixed_order_product, on pointers. The same bits for every target: lanes are columns, each product and
// each sum is rounded on its own. Results above some size are written past the caches.
void multiply_in_order(const float* a, const float* b, std::uint64_t rows, std::uint64_t inner,
                       std::uint64_t cols, float* out);

// b (inner x cols, row-major) arranged for the vectors of this CPU: for many products with the same b. Of the
// size of b. force_vector_target must not come between construction and use.
class PackedFactor {
 public:
  PackedFactor(std::span<const float> b, std::uint64_t inner, std::uint64_t cols);
  // As fixed_order_product(a, b, rows, inner, cols, out).
  void multiply(std::span<const float> a, std::uint64_t rows, std::span<float> out) const;

 private:
  std::uint64_t inner_, cols_;
  std::vector<float> packed_;
};

// For tests and benchmarks: the targets that this CPU runs, and the one to use from now on (0 = the best).
std::vector<std::int64_t> vector_targets();
std::string vector_target_name(std::int64_t target);
void force_vector_target(std::int64_t target);

}  // namespace tt::tensor
