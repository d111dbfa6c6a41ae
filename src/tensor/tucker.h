// Tucker decompositions: A[i1, ..., id] ~ sum over a of C[a1, ..., ad] U1[i1, a1] ... Ud[id, ad].
//
// Sequentially truncated HOSVD (Vannieuwenhoven, Vandebril, Meerbergen, SIAM J. Sci. Comput. 34(2), 2012,
// Algorithm 1; the plain HOSVD is De Lathauwer, De Moor, Vandewalle 2000): mode after mode, U_k is the
// leading eigenvectors of the Gram matrix of the mode-k unfolding, and the tensor is multiplied by U_k^T
// before the next mode. All sums in double, the tensor between two steps in double. Differences: modes are
// treated in the order of their size, the largest reduction unknown beforehand; the budget of energy is spent
// step by step, as in tt_svd.
//
// Every step is an orthogonal projection, so ||A - A~||_F^2 = ||A||_F^2 - ||C||_F^2 = the energies cut off.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/dtype.h"

namespace tt::tensor {

struct TuckerOptions {
  std::vector<std::uint64_t> max_ranks;  // one a mode, 0 = no cap; empty = no caps
  double tolerance = 0;                  // relative Frobenius error of all; 0 = the caps decide alone
  std::vector<bool> modes;               // which modes get a factor; empty = all
};

// core: the ranks in C order, float32. factors[k]: shape[k] x ranks[k], row-major, orthonormal columns, each
// with its entry of largest magnitude positive; empty for a mode without a factor, whose rank is shape[k].
struct Tucker {
  Shape shape, ranks;
  std::vector<float> core;
  std::vector<std::vector<float>> factors;
  double norm = 0;                 // ||A||_F
  double error = 0;                // ||A - A~||_F, before rounding to float32 (about 1e-7 ||A||_F more)
  std::uint64_t elements() const;  // of core and factors
};

// Errors: bad_data if values.size() is not the product of a shape of 1 to 8 modes, if caps or modes do not
// fit, or if values are not finite; internal if LAPACK fails.
Tucker tucker(std::span<const float> values, const Shape& shape, const TuckerOptions& options);

// Tucker-2 of a kernel (out, in, ...): factors for the first two modes only, so that a convolution becomes a
// 1x1, a small one, and a 1x1 (Kim et al., Compression of Deep Convolutional Neural Networks, ICLR 2016,
// section 3). Rank caps of 0 do not bind. Errors: as tucker; bad_data if shape has fewer than two modes.
Tucker tucker2(std::span<const float> kernel, const Shape& shape, std::uint64_t max_out, std::uint64_t max_in,
               double tolerance);

// All elements in C order, sums in double.
std::vector<float> tucker_full(const Tucker& tucker);

}  // namespace tt::tensor
