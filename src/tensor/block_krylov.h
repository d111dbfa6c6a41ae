// The largest eigenvalues of a symmetric positive semi-definite matrix by block Krylov iteration.
//
// Musco, Musco, Randomized Block Krylov Methods for Stronger and Faster Approximate Singular Value
// Decomposition, NIPS 2015, Algorithm 2, on G itself: basis K = [X, G X, ..., G^q X] of a random block X of
// b = (k + 10) / 2 columns with q = 6, then Rayleigh-Ritz: the eigenvectors of K^T G K. Differences: every
// block is made orthonormal before the next product and twice against all earlier ones, so that powers do not
// lose digits; the block is smaller than k (Chen, Epperly, Meyer, Musco, Rao 2025: its size hardly matters).
// The numbers of X depend on (seed, index) alone (random.h).
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/gram.h"

namespace tt::tensor {

// Columns of the whole basis for k wanted vectors; the method pays only while this is well below d.
std::uint64_t krylov_basis_size(std::uint64_t k);

// The k largest: values (k, descending, at most those of G) and vectors (k x d, orthonormal rows). gram is d
// x d, both triangles. Errors: bad_data if krylov_basis_size(k) > d or an entry is not finite; internal if
// LAPACK fails.
Eigen block_krylov(const std::vector<double>& gram, std::uint64_t d, std::uint64_t k, std::uint64_t seed);

}  // namespace tt::tensor
