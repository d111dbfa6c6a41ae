// A spectrum and the directions of its strongest components, by one Gram matrix.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/spectrum.h"

namespace tt::tensor {

// Sides up to kExactSide: all singular values (eigenvalues of the Gram matrix of the smaller side in double);
// up to kLeadingSide: the kLeading largest (block Krylov iteration, svd.h), what is left in `beyond`; above:
// nothing is computed.
inline constexpr std::uint64_t kExactSide = 2048, kLeadingSide = 8192, kLeading = 64;

struct Components {
  Spectrum spectrum;        // empty if neither was computed
  std::uint64_t count = 0;  // of directions, fewer than asked for where the rank is smaller
  // Row i is the unit singular vector of the i-th component: left count x rows, right count x cols,
  // row-major. The entry of largest magnitude of a right vector is positive, the first on a tie.
  std::vector<double> left, right;
};

// Errors: bad_data if A is not finite; internal if LAPACK fails.
Components components_of(const MatrixView& a, std::uint64_t count);

}  // namespace tt::tensor
