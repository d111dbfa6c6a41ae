// Tensor trains: A[i1, ..., id] = G1[1, i1, :] G2[:, i2, :] ... Gd[:, id, 1].
//
// TT-SVD (Oseledets, Tensor-Train Decomposition, SIAM J. Sci. Comput. 2011, Algorithm 1) of a C-order tensor.
// Difference: the sweep runs from the last mode to the first, so that the C-order buffer is used in place
// without transposition. Step k sees what is left as a matrix of (n1 ... n(k-1)) x (nk rk), takes the
// eigenvectors of the Gram matrix of its smaller side, and keeps rank r(k-1): the rows of core k,
// orthonormal; the matrix times their transpose is the next rest, the last rest is core 1.
//
// Arithmetic: the eigenproblem is in double. The Gram matrix and the product are first taken in float32 (sums
// over blocks added in double), and the step is repeated in double unless what it loses is at least 1e-4 of
// its energy (1e-2 relative error), far above the rounding of float32, or unless it keeps everything.
//
// Right cores come out orthonormal, so ||A - TT||_F^2 = ||A||_F^2 - ||G1||_F^2 before rounding of the cores.
// The tolerance eps (relative, Frobenius) is spent step by step: a step may use what earlier steps left of
// (eps ||A||)^2.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/spectrum.h"

namespace tt::tensor {

// d modes (1 to 8), d+1 ranks with ranks[0] = ranks[d] = 1; core k is [ranks[k], modes[k], ranks[k+1]] in C
// order, float32.
struct TensorTrain {
  std::vector<std::uint64_t> modes, ranks;
  std::vector<std::vector<float>> cores;
};

struct TtOptions {
  std::vector<std::uint64_t> max_ranks;  // d-1 inner rank caps; empty = no cap
  double tolerance = 0;                  // relative Frobenius error; 0 = the caps decide alone
};

// values.size() must be the product of modes. Errors: bad_data if it is not.
TensorTrain tt_svd(std::span<const float> values, const std::vector<std::uint64_t>& modes,
                   const TtOptions& options);

// Squared singular values of the d-1 unfoldings A_(1..k) x (k+1..d): error^2 <= sum_k tail_k(r_k) for any
// ranks.
std::vector<Spectrum> unfolding_spectra(std::span<const float> values,
                                        const std::vector<std::uint64_t>& modes);

// Splits `rows` and `cols` into balanced modes (2 or 3 factors each, primes left whole): 768 x 3072 ->
// 24x32x48x64 or the like. The product in C order is rows * cols. At most 8 modes.
std::vector<std::uint64_t> balanced_modes(std::uint64_t rows, std::uint64_t cols);

// Elements of all cores for the given ranks (d+1, as in TensorTrain). Errors: bad_data on overflow.
std::uint64_t core_elements(const std::vector<std::uint64_t>& modes, const std::vector<std::uint64_t>& ranks);

}  // namespace tt::tensor
