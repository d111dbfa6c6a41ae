// Eigenvectors of a symmetric tridiagonal matrix for known eigenvalues, at O(n) each.
//
// Twisted factorisation (Fernando, On computing an eigenvector of a tridiagonal matrix, SIAM J. Matrix Anal.
// Appl. 18, 1997; Dhillon, Parlett, Orthogonal eigenvectors and relative gaps, 2003, Algorithm Getvec): T -
// lambda is factored from both ends, the ends meet at the row r where the rest gamma is least, and z with
// z[r] = 1 solves (T - lambda) z = gamma e_r. Difference: no tree of representations for clusters. Two
// eigenvalues that are relatively closer than about 1e-10 give vectors that are not orthogonal: whoever calls
// checks that. Many eigenvalues are done at once, one a vector lane.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tt::tensor {

// diagonal has n entries, off_diagonal n - 1. Row i of the result (values.size() x n, row-major) has unit
// norm; its entries are not finite where the recurrence fails. The same bits on every machine.
std::vector<double> tridiagonal_vectors(std::span<const double> diagonal,
                                        std::span<const double> off_diagonal, std::span<const double> values);

}  // namespace tt::tensor
