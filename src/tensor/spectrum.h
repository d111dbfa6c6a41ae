// The singular spectrum of a matrix: the error of every rank before any factor is computed.
//
// A (m x n, float32) with singular values sigma_i: the best approximation of rank r has ||A - A_r||_F^2 =
// sum_{i > r} sigma_i^2 (Eckart, Young 1936). sigma_i^2 are the eigenvalues of the Gram matrix of the smaller
// side (gram.h), summed in double, where a product of two float32 numbers is exact: relative errors are
// resolved down to 3e-8.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/matrix.h"

namespace tt::tensor {

// Squared singular values, descending, negatives of rounding clipped to zero.
struct Spectrum {
  std::vector<double> energy;
  double total = 0;                       // ||A||_F^2, summed directly
  double beyond = 0;                      // energy that is not listed, where only the largest values are
  double tail(std::uint64_t rank) const;  // sum of energy beyond the first `rank`
  // Smallest rank whose tail <= (tolerance * ||A||_F)^2, all that are listed if none; 0 only for a zero
  // matrix or tolerance >= 1.
  std::uint64_t rank_for(double tolerance) const;
  // n sum sigma_i^2 / (sum sigma_i)^2 over the n listed values: 1 where all are alike or zero, n where one is
  // all.
  double concentration() const;
};

// All min(m, n) values. Errors: bad_data if A is not finite or too large for LAPACK; internal if LAPACK fails
// twice (dsyevd, then dsyev).
Spectrum spectrum(const MatrixView& a);

}  // namespace tt::tensor
