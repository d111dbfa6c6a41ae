// Truncated singular value decomposition by the Gram route.
//
// A (m x n, float32) = U S V^T. With d = min(m, n) the Gram matrix G of the smaller side (A A^T or A^T A, d x
// d) is summed in double precision (a product of two float32 numbers is exact there), G = Q diag(lambda) Q^T
// by dsyevd, and one product with A gives the other factor. lambda_i = sigma_i^2, so the error of every rank
// is known before a factor is computed:
// ||A - A_r||_F^2 = sum_{i > r} lambda_i (Eckart, Young 1936). Resolves relative errors down to 3e-8.
// Errors: internal if LAPACK fails twice (dsyevd, then dsyev).
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/matrix.h"

namespace tt::tensor {

// Squared singular values, descending, negatives of rounding clipped to zero.
struct Spectrum {
  std::vector<double> energy;
  double total = 0;                       // ||A||_F^2, summed directly
  double tail(std::uint64_t rank) const;  // sum of energy beyond the first `rank`
  // Smallest rank whose tail <= (tolerance * ||A||_F)^2; 0 only for a zero matrix or tolerance >= 1.
  std::uint64_t rank_for(double tolerance) const;
};

// A ~ left * right, left rows x rank and right rank x cols, both row-major float32. left = U S^1/2, right =
// S^1/2 V^T, the sign of each component fixed so that the entry of largest magnitude in its left column is
// positive.
struct LowRank {
  std::uint64_t rows = 0, cols = 0, rank = 0;
  std::vector<float> left, right;
};

Spectrum spectrum(const MatrixView& a);

// rank is cut to min(rows, cols); rank 0 gives empty factors (the zero matrix).
LowRank truncated_svd(const MatrixView& a, std::uint64_t rank);

}  // namespace tt::tensor
