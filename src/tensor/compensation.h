// A weight that makes up for what its input has lost. Layers before it were changed, so that it sees y where
// the original W saw x; over the rows seen
//   W' = argmin sum ||W x - W' y||^2 + ridge ||W' - W||^2 = W + W M,  M = S (G + ridge I)^-1,
//   S = sum (x - y) y^T, G = sum y y^T.
// The asymmetric calibration of GPTAQ (Li et al., arXiv 2504.02692), in closed form before rounding.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/matrix.h"

namespace tt::tensor {

// Sums over rows: both n x n, row-major.
struct InputDrift {
  std::uint64_t size = 0, rows = 0;
  std::vector<double> cross, gram;  // S, G

  explicit InputDrift(std::uint64_t n) : size(n), cross(n * n), gram(n * n) {}
  // x and y: rows x size each.
  void add(std::span<const float> x, std::span<const float> y);
};

// strength * M (n x n) with a ridge of `shrinkage` of G's mean diagonal; empty where nothing was lost (S =
// 0), G is zero or the result is not finite.
std::vector<double> compensation_of(const InputDrift& drift, double shrinkage, double strength);

// W + W M for inputs along the columns (axis 1), W + M^T W along the rows (axis 0), rounded to float32. Empty
// if the side is not M's or a value is not finite.
std::vector<float> compensated(const MatrixView& weight, const std::vector<double>& m, unsigned axis);

}  // namespace tt::tensor
