// Truncated singular value decomposition: three methods under one contract.
//
// A (m x n, float32) ~ U diag(sigma) V^T of rank r. All methods take the Gram matrix of the smaller side
// (d x d, d = min(m, n)), whose eigenvalues are sigma^2, then one product with A:
//   full        every eigenvector (dsyevd), then cut.
//   truncated   all eigenvalues, then vectors only for the rank that is kept (partial_eigen.h).
//   randomized  the largest only, by block Krylov iteration on the Gram matrix (block_krylov.h; random
//               numbers by seed and index). For ranks up to about d / 8; where its basis would not fit, the
//               result is that of `truncated`, and says so.
// Arithmetic of `truncated` by the relative error that is allowed, or that the wanted rank leaves: from 2e-2
// on, products in float32, the Gram matrix over blocks of 4096 summed in double, tridiagonal form in float32;
// for tolerances from 2e-3 on, tridiagonal form in float32; below all in double. U and the energies of the
// certificate are made orthonormal and summed in double always, and a result that misses the tolerance is
// computed again in double (Carson, Ma, Shao, Mixed-precision thin SVD, 2026; the limits are measured on
// decaying spectra).
//
// Certificate by norm capture: U U^T is a projection, so ||A - U U^T A||_F^2 = ||A||_F^2 - ||U^T A||_F^2 in
// double (Yu, Gu, Li 2018, section 3). It resolves relative errors down to 3e-8; rounding the factors to
// float32 adds up to about 1e-7 ||A||_F that is not in it, and products in float32 at most 5e-6 ||A||_F.
//
// The same input and options give the same bits for any number of threads, given one BLAS thread (blas.h).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/spectrum.h"

namespace tt::tensor {

enum class SvdMethod : std::uint8_t { full, truncated, randomized };

std::string_view svd_method_name(SvdMethod method);  // "full", "truncated", "randomized"
std::optional<SvdMethod> svd_method_from_name(std::string_view name);

// The smallest rank whose error is <= tolerance * ||A||_F, but at most max_rank. At least one of the two must
// be given, unless all components are wanted. `randomized` may keep one component in some thousand more, as
// its values are lower bounds.
struct SvdOptions {
  SvdMethod method = SvdMethod::truncated;
  std::uint64_t max_rank = 0;  // 0 = no cap
  double tolerance = 0;        // relative, Frobenius; 0 = the cap decides alone
  std::uint64_t seed = 0;      // of `randomized`
};

// What was tried in vain, in order.
struct SvdAttempt {
  SvdMethod method;
  std::uint64_t max_rank;  // as in SvdOptions
  std::string reason;
};

struct Svd {
  std::uint64_t rows = 0, cols = 0, rank = 0;
  std::vector<float> u = {};                // rows x rank, row-major, orthonormal columns
  std::vector<double> sigma = {};           // rank, descending, >= 0
  std::vector<float> v = {};                // rank x cols, row-major, orthonormal rows: this is V^T
  double norm = 0;                          // ||A||_F
  double error = 0;                         // ||A - U diag(sigma) V^T||_F, by norm capture
  SvdMethod method = SvdMethod::truncated;  // the one that gave this result
  std::vector<SvdAttempt> failures = {};    // before it
  double relative_error() const { return norm > 0 ? error / norm : 0; }
};

// A zero or empty matrix has rank 0 if a tolerance is given. Each column of U has its entry of largest
// magnitude positive, the first one on a tie.
// Errors: bad_data if A is not finite, too large for LAPACK, or the tolerance negative or NaN; internal if
// LAPACK fails or, without a binding cap, the certificate exceeds the tolerance.
Svd svd(const MatrixView& a, const SvdOptions& options);

// svd, and after an internal error once more with half the rank cap (if there is one above 1), then with the
// other methods at the full cap: truncated, full. What failed is in `failures`. `solver` stands for svd in
// tests. Errors: as svd, the last one, if all fail; bad_data at once.
using SvdSolver = std::function<Svd(const MatrixView&, const SvdOptions&)>;
Svd svd_with_retries(const MatrixView& a, const SvdOptions& options, const SvdSolver& solver = svd);

// A ~ left * right, left rows x rank and right rank x cols, both row-major float32.
struct LowRank {
  std::uint64_t rows = 0, cols = 0, rank = 0;
  std::vector<float> left, right;
};

// left = U diag(sigma)^(1/2), right = diag(sigma)^(1/2) V^T.
LowRank balanced(const Svd& svd);

}  // namespace tt::tensor
