// Gram matrices in double and their eigenvalues: the numerical core of svd.h and tensor_train.h, and
// least squares for given factors. BLAS and LAPACK stay behind this header.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/matrix.h"

namespace tt::tensor {

// d x d with d = min(rows, cols), both triangles filled: A A^T if rows <= cols, else A^T A. Summed over
// panels of A converted to double, so that a product of two elements is exact and 1e38 does not overflow.
std::vector<double> gram_of(const MatrixView& a);

// G = Q diag(values) Q^T: values descending, vectors[i * d ...] the eigenvector of values[i] (empty if not
// wanted). Errors: bad_data if G is not finite or too large for LAPACK; internal if LAPACK fails twice
// (dsyevd, then dsyev).
struct Eigen {
  std::vector<double> values, vectors;
};
Eigen eigen_of(std::vector<double> gram, std::uint64_t d, bool with_vectors);

// out (n x cols, double, row-major) = q (n x inner) * a (inner x cols, float32), converting panels of columns
// of a. With `transposed`: out (n x rows) = q (n x cols) * a^T.
std::vector<double> project(const std::vector<double>& q, std::uint64_t n, const MatrixView& a,
                            bool transposed);

// a (rows x cols) * q^T (cols x rank), rounded to float32, row-major; q is rank x cols.
std::vector<float> project_rows(const MatrixView& a, const std::vector<double>& q, std::uint64_t rank);

// The X (rank x cols) that minimises ||A - left X||_F for a given left (rows x rank), by Cholesky on left^T
// left scaled to a unit diagonal, to which `ridge` is added; empty if that is not positive definite.
std::vector<float> solve_right(const MatrixView& a, const std::vector<float>& left, std::uint64_t rank,
                               double ridge = 0);

// ||A - left right||_F^2 in double.
double residual_energy(const MatrixView& a, const std::vector<float>& left, const std::vector<float>& right,
                       std::uint64_t rank);

}  // namespace tt::tensor
