// The product of the decoder: a fixed order of operations, so that a file decodes to the same bits on every
// machine.
//
// C[i, j] = (((0 + a[i,0] b[0,j]) + a[i,1] b[1,j]) + ...) in float32, every product and every sum rounded (no
// fused multiply-add), k ascending, starting from 0 (so a first product of -0 gives +0). Vectorised over j
// only, which changes no bit.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/tensor_train.h"

namespace tt::tensor {

// out (rows x cols) = a (rows x inner) * b (inner x cols), all row-major; sizes asserted; out must not
// overlap the inputs.
void fixed_order_product(std::span<const float> a, std::span<const float> b, std::uint64_t rows,
                         std::uint64_t inner, std::uint64_t cols, std::span<float> out);

// The two halves of a train: left (P x r) and right (r x Q), P Q = all elements, split at the inner boundary
// k that minimises max(P, Q) (the smaller k on a tie). left = (G1 G2) G3 ..., right = Gk+1 (Gk+2 (...)), each
// by fixed_order_product. The full tensor in C order is fixed_order_product(left, right).
struct TrainHalves {
  std::uint64_t rows = 1, rank = 1, cols = 1;
  std::vector<float> left, right;
};
TrainHalves contract_halves(const TensorTrain& train);
// The same halves at the boundary behind `boundary` modes, 1 to their number.
TrainHalves contract_at(const TensorTrain& train, std::size_t boundary);

}  // namespace tt::tensor
