#include "tensor/product.h"

#include <algorithm>
#include <cassert>

#include "base/checked.h"
#include "tensor/product_kernel.h"

namespace tt::tensor {
namespace {

std::vector<float> product(const std::vector<float>& a, const std::vector<float>& b, std::uint64_t rows,
                           std::uint64_t inner, std::uint64_t cols) {
  std::vector<float> out(rows * cols);
  fixed_order_product(a, b, rows, inner, cols, out);
  return out;
}

// Modes in the left half: max(P, Q) least, the smaller on a tie. A single mode is all left.
std::size_t halving_boundary(const std::vector<std::uint64_t>& modes) {
  std::size_t best = modes.size();
  std::uint64_t best_size = 0;
  for (std::size_t k = 1; k < modes.size(); ++k) {
    const std::span<const std::uint64_t> all(modes);
    const std::uint64_t left = base::checked_product(all.first(k), "size of a tensor train");
    const std::uint64_t right = base::checked_product(all.subspan(k), "size of a tensor train");
    if (best == modes.size() || std::max(left, right) < best_size)
      best = k, best_size = std::max(left, right);
  }
  return best;
}

}  // namespace

void fixed_order_product(std::span<const float> a, std::span<const float> b, std::uint64_t rows,
                         std::uint64_t inner, std::uint64_t cols, std::span<float> out) {
  assert(a.size() == rows * inner && b.size() == inner * cols && out.size() == rows * cols);
  multiply_in_order(a.data(), b.data(), rows, inner, cols, out.data());
}

TrainHalves contract_halves(const TensorTrain& train) {
  return contract_at(train, halving_boundary(train.modes));
}

TrainHalves contract_at(const TensorTrain& train, std::size_t boundary) {
  assert(boundary >= 1 && boundary <= train.modes.size());
  TrainHalves halves;
  halves.left = train.cores[0];
  halves.rows = train.modes[0];
  for (std::size_t k = 1; k < boundary; ++k) {
    const std::uint64_t cols = train.modes[k] * train.ranks[k + 1];
    halves.left = product(halves.left, train.cores[k], halves.rows, train.ranks[k], cols);
    halves.rows *= train.modes[k];
  }
  halves.rank = train.ranks[boundary];
  if (boundary == train.modes.size()) {
    halves.right.assign(1, 1.0f);
    return halves;
  }
  halves.right = train.cores.back();
  halves.cols = train.modes.back();
  for (std::size_t k = train.modes.size() - 1; k-- > boundary;) {
    halves.right = product(train.cores[k], halves.right, train.ranks[k] * train.modes[k], train.ranks[k + 1],
                           halves.cols);
    halves.cols *= train.modes[k];
  }
  return halves;
}

}  // namespace tt::tensor
