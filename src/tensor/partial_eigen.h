// Eigenvalues of a symmetric matrix first, and then only as many eigenvectors as are wanted.
//
// LAPACK's sytrd (G = H T H^T, T tridiagonal) in the chosen precision, sterf (all values of T, in double),
// the wanted vectors of T by twisted factorisation (tridiagonal.h), ormtr on them alone, and a Cholesky QR.
// Where close eigenvalues leave these vectors far from orthogonal, stedc (divide and conquer, Cuppen 1981)
// takes their place. For k of d vectors this saves most of stedc and 2 d^2 (d - k) operations of syevd, and
// the rank can be chosen between the two steps.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/gram.h"

namespace tt::tensor {

// The type in which the eigenproblem is solved. fp32 halves the time; it resolves eigenvalues to about 1e-6
// of the largest, enough for relative errors of 2e-3 and more.
enum class Precision : std::uint8_t { fp64, fp32 };

class PartialEigen {
 public:
  // gram: d x d, both triangles. Errors: bad_data if an entry is not finite or d is too large for LAPACK;
  // internal if LAPACK fails.
  PartialEigen(const std::vector<double>& gram, std::uint64_t d, Precision precision);

  // All d, descending.
  const std::vector<double>& values() const { return values_; }

  // Row i of k x d is the unit eigenvector of values()[i]; k is cut to d. Orthonormal to the rounding of
  // double, also for fp32.
  // Errors: internal if LAPACK fails.
  std::vector<double> vectors(std::uint64_t k) const;

 private:
  template <typename T>
  struct Reflectors {
    std::vector<T> vectors, scalars;  // H
  };
  template <typename T>
  void reduce(Reflectors<T>& form, const std::vector<double>& gram);
  template <typename T>
  std::vector<double> back_transformed(const Reflectors<T>& form, const std::vector<double>& rows,
                                       std::uint64_t k) const;
  std::vector<double> transformed(const std::vector<double>& rows, std::uint64_t k) const;
  std::vector<double> divided(std::uint64_t k) const;

  std::uint64_t d_;
  Precision precision_;
  double scale_ = 1;                             // a power of two that brings G near 1
  std::vector<double> diagonal_, off_diagonal_;  // T, scaled
  std::vector<double> values_;
  Reflectors<double> double_;
  Reflectors<float> single_;
};

// Replaces the k rows of length n by an orthonormal basis of their span, keeping their order and directions
// as far as possible (Gram-Schmidt in the form of Householder's QR). Zero and dependent rows become unit
// vectors orthogonal to all others. Needs k <= n. Errors: internal if LAPACK fails.
void orthonormalise_rows(std::vector<double>& rows, std::uint64_t k, std::uint64_t n);

}  // namespace tt::tensor
