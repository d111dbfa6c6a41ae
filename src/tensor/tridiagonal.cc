#include "tensor/tridiagonal.h"

#include <algorithm>
#include <cmath>

#include "tensor/vector_clones.h"

namespace tt::tensor {
namespace {

constexpr std::size_t kLanes = 16;      // eigenvalues at once
constexpr double kVanished = 1e-200;    // entries below are zero: denormal numbers are slow
constexpr double kLeastPivot = 1e-290;  // the matrix is scaled to about 1

// n x kLanes each: pivots from above, pivots from below, and the vectors.
struct Lanes {
  std::vector<double> above, below, vectors;
  explicit Lanes(std::size_t n) : above(n * kLanes), below(n * kLanes), vectors(n * kLanes) {}
};

inline double pivot(double value) {
  return std::abs(value) < kLeastPivot ? kLeastPivot : value;
}

// next = (diagonal - lambda) - off^2 / last, lane by lane.
TT_VECTOR_CLONES void factor(const double* diagonal, const double* off, const double* lambda, std::size_t n,
                             double* above, double* below) {
  for (std::size_t l = 0; l < kLanes; ++l) {
    above[l] = pivot(diagonal[0] - lambda[l]);
    below[(n - 1) * kLanes + l] = pivot(diagonal[n - 1] - lambda[l]);
  }
  for (std::size_t i = 1; i < n; ++i) {
    const double* const last = above + (i - 1) * kLanes;
    const double square = off[i - 1] * off[i - 1];
    for (std::size_t l = 0; l < kLanes; ++l)
      above[i * kLanes + l] = pivot((diagonal[i] - lambda[l]) - square / last[l]);
  }
  for (std::size_t i = n - 1; i-- > 0;) {
    const double* const last = below + (i + 1) * kLanes;
    const double square = off[i] * off[i];
    for (std::size_t l = 0; l < kLanes; ++l)
      below[i * kLanes + l] = pivot((diagonal[i] - lambda[l]) - square / last[l]);
  }
}

// The row of the least rest, for each lane.
TT_VECTOR_CLONES void meeting_rows(const double* diagonal, const double* lambda, std::size_t n,
                                   const double* above, const double* below, double* rows) {
  double least[kLanes];
  std::fill(least, least + kLanes, INFINITY);
  for (std::size_t i = 0; i < n; ++i) {
    const double row = static_cast<double>(i);
    for (std::size_t l = 0; l < kLanes; ++l) {
      const double rest =
          std::abs((above[i * kLanes + l] + below[i * kLanes + l]) - (diagonal[i] - lambda[l]));
      rows[l] = rest < least[l] ? row : rows[l];
      least[l] = rest < least[l] ? rest : least[l];
    }
  }
}

// From the meeting row (1) to both ends.
TT_VECTOR_CLONES void substitute(const double* off, std::size_t n, const double* above, const double* below,
                                 const double* rows, double* vectors) {
  for (std::size_t i = n; i-- > 0;) {
    const double row = static_cast<double>(i), factor = i + 1 < n ? -off[i] : 0;
    const double* const last = vectors + (i + 1 < n ? i + 1 : i) * kLanes;
    for (std::size_t l = 0; l < kLanes; ++l) {
      const double next = factor * last[l] / above[i * kLanes + l];
      const double kept = std::abs(next) < kVanished ? 0.0 : next;
      vectors[i * kLanes + l] = row < rows[l] ? kept : (row == rows[l] ? 1.0 : 0.0);
    }
  }
  for (std::size_t i = 1; i < n; ++i) {
    const double row = static_cast<double>(i);
    const double* const last = vectors + (i - 1) * kLanes;
    for (std::size_t l = 0; l < kLanes; ++l) {
      const double next = -off[i - 1] * last[l] / below[i * kLanes + l];
      const double kept = std::abs(next) < kVanished ? 0.0 : next;
      vectors[i * kLanes + l] = row > rows[l] ? kept : vectors[i * kLanes + l];
    }
  }
}

// The lanes become rows of unit norm.
void store(const std::vector<double>& lanes, std::size_t n, std::size_t count, double* out) {
  double norms[kLanes] = {};
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t l = 0; l < kLanes; ++l) norms[l] += lanes[i * kLanes + l] * lanes[i * kLanes + l];
  }
  for (std::size_t l = 0; l < count; ++l) {
    const double scale = 1 / std::sqrt(norms[l]);
    for (std::size_t i = 0; i < n; ++i) out[l * n + i] = lanes[i * kLanes + l] * scale;
  }
}

}  // namespace

std::vector<double> tridiagonal_vectors(std::span<const double> diagonal,
                                        std::span<const double> off_diagonal,
                                        std::span<const double> values) {
  const std::size_t n = diagonal.size();
  std::vector<double> rows(values.size() * n);
  Lanes lanes(n);
  for (std::size_t first = 0; first < values.size(); first += kLanes) {
    const std::size_t count = std::min(kLanes, values.size() - first);
    double lambda[kLanes], meeting[kLanes] = {};
    for (std::size_t l = 0; l < kLanes; ++l) lambda[l] = values[first + std::min(l, count - 1)];
    factor(diagonal.data(), off_diagonal.data(), lambda, n, lanes.above.data(), lanes.below.data());
    meeting_rows(diagonal.data(), lambda, n, lanes.above.data(), lanes.below.data(), meeting);
    substitute(off_diagonal.data(), n, lanes.above.data(), lanes.below.data(), meeting, lanes.vectors.data());
    store(lanes.vectors, n, count, rows.data() + first * n);
  }
  return rows;
}

}  // namespace tt::tensor
