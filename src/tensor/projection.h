// Takes directions out of one side of a matrix, or makes it respond to them more.
//
// Q (count x length) has orthonormal rows, B (count x length) fulfils B Q^T = I, so that Q^T B is a
// projection. With the length along `axis` of the matrix view W,
//   axis 1 (columns):  W' = W + amount (W Q^T) B
//   axis 0 (rows):     W' = W + amount B^T (Q W)
// `amount` = -s takes the share s of the response to the directions away: W' Q^T = (1 - s) W Q^T, none is
// left for s = 1. `amount` = s > 0 adds that share to it. Taking s < 1 out is undone by adding s / (1 - s);
// what was taken out whole leaves nothing to add to.
//
// B is the projection's freedom. B = Q is the orthogonal one, of least ||W' - W||_F. Where the side meets the
// inputs x with C = sum x x^T, the least sum ||(W' - W) x||^2 under the same W' Q^T has
//   B = (Q C^-1 Q^T)^-1 Q C^-1:
// the Lagrangian tr(D C D^T) - 2 tr(L^T (D Q^T - amount W Q^T)) gives D C = L Q, so D = L Q C^-1, and the
// constraint gives L (this is the step of ROME, Meng et al., arXiv 2202.05262, for many keys). On the side of
// the outputs every C gives the orthogonal one.
//
// A product L R is projected in one factor alone: R for axis 1, L for axis 0.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/matrix.h"
#include "tensor/metric.h"

namespace tt::tensor {

struct Projection {
  std::uint64_t count = 0, length = 0;
  std::vector<double> directions, duals;  // Q and B, row-major
};

// Vectors that are within this of the span of the others (in units of their own length) add nothing.
inline constexpr double kDependent = 1e-6;

// The orthogonal projection on the span of `count` vectors (rows of `vectors`, any lengths but 0), by QR with
// column pivoting; dependent ones are left out, count is then their rank. Errors: bad_data if there is none,
// a value is not finite, or all are zero.
Projection orthogonal_projection(const std::vector<double>& vectors, std::uint64_t count,
                                 std::uint64_t length);

// The same directions with the B of a metric (`axis` of which plays no role); `ridge` of C's mean diagonal is
// added to C. A metric of zeros counts as identity. Errors: bad_data if its size is not the length, or C with
// its ridge is not positive definite.
Projection projection_in(const Projection& projection, const Metric& metric, double ridge = 1e-9);

// W' above, rounded to float32. Errors: bad_data if the side along `axis` is not the projection's length or a
// value of the result is not finite.
std::vector<float> projected(const MatrixView& weight, const Projection& projection, unsigned axis,
                             double amount);
// The same for values that float32 would round: W and W' in float64.
std::vector<double> projected(std::span<const double> weight, std::uint64_t rows, std::uint64_t cols,
                              const Projection& projection, unsigned axis, double amount);

// ||W Q^T||_F (axis 1) or ||Q W||_F (axis 0).
double response(const MatrixView& weight, const Projection& projection, unsigned axis);

}  // namespace tt::tensor
