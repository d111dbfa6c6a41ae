// A basis for the taps of a convolution's kernels: what a kernel W[o, i, t] (outputs, channels, taps) does at
// its K positions, as combinations of K functions of the position, such that few functions carry most of it.
//
// A Tucker decomposition with a factor for one mode (De Lathauwer, De Moor, Vandewalle 2000), without
// truncation: W[o, i, t] = sum_u G[o, i, u] Q[t, u]. With the metric C of the layer's patches (channels x
// taps), C_T and C_I its partial traces and S = sum_o W_o^T C_I W_o, Q diagonalises the metric of the taps
// and the covariance of the kernels at once, Q = C_T^-1/2 E, C_T^1/2 S C_T^1/2 = E diag(.) E^T: no other
// basis takes fewer bits if C = C_I (x) C_T. Columns have unit norm and descend in what they carry; entries
// are rounded to multiples of 1/32, for which G is then exact, so that this costs no accuracy.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tensor/sic.h"

namespace tt::tensor {

struct KernelShape {
  std::uint64_t outputs = 0, channels = 0, taps = 0;
  std::uint64_t inputs() const { return channels * taps; }
};

inline constexpr int kTapUnit = 32;  // codes of a value of 1

struct TapBasis {
  std::vector<std::int32_t> codes;  // taps x taps, row u is function u: 32 Q[t, u]
  std::vector<float> coefficients;  // outputs x inputs: G
  Metric metric;                    // of the coefficients: full, axis 1
  double alike = 0;                 // share of the largest eigenvalue of C_T: near 1, patches are flat
};

// C' of a plan, n x n, or of the identity if the plan is uniform.
std::vector<double> metric_values(const SicPlan& plan, std::uint64_t n);

// `values` is outputs x inputs(), `plan` uniform or of axis 1 and size inputs(). Memory: about 3 matrices
// of inputs() x inputs() in double. Errors: internal if LAPACK fails.
TapBasis find_tap_basis(std::span<const float> values, const KernelShape& shape, const SicPlan& plan);

}  // namespace tt::tensor
