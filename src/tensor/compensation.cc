#include "tensor/compensation.h"

#include <cblas.h>
#include <lapacke.h>

#include <algorithm>
#include <cmath>

namespace tt::tensor {
namespace {

constexpr std::uint64_t kPanel = 512;  // rows converted at a time

bool all_finite(const auto& values) {
  return std::all_of(values.begin(), values.end(), [](auto value) { return std::isfinite(value); });
}

}  // namespace

void InputDrift::add(std::span<const float> x, std::span<const float> y) {
  const auto n = static_cast<blasint>(size);
  std::vector<double> lost, seen;
  for (std::uint64_t first = 0; first < y.size(); first += kPanel * size) {
    const auto piece = y.subspan(first, std::min<std::uint64_t>(kPanel * size, y.size() - first));
    seen.assign(piece.begin(), piece.end());
    lost.assign(x.begin() + static_cast<std::ptrdiff_t>(first),
                x.begin() + static_cast<std::ptrdiff_t>(first + piece.size()));
    for (std::size_t i = 0; i < seen.size(); ++i) lost[i] -= seen[i];
    const auto count = static_cast<blasint>(piece.size() / size);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, n, count, 1.0, lost.data(), n, seen.data(), n,
                1.0, cross.data(), n);
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, n, count, 1.0, seen.data(), n, 1.0, gram.data(), n);
    rows += piece.size() / size;
  }
}

std::vector<double> compensation_of(const InputDrift& drift, double shrinkage, double strength) {
  const std::uint64_t n = drift.size;
  double trace = 0;
  for (std::uint64_t i = 0; i < n; ++i) trace += drift.gram[i * n + i];
  const bool nothing = std::all_of(drift.cross.begin(), drift.cross.end(), [](double v) { return v == 0; });
  if (nothing || !(trace > 0) || !std::isfinite(trace)) return {};
  std::vector<double> factor = drift.gram, m = drift.cross;
  for (std::uint64_t i = 0; i < n; ++i) factor[i * n + i] += shrinkage * trace / static_cast<double>(n);
  const auto side = static_cast<blasint>(n);
  // Row-major upper is column-major lower: G' = U^T U, M = S U^-1 U^-T.
  if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', side, factor.data(), side) != 0) return {};
  for (const CBLAS_TRANSPOSE form : {CblasNoTrans, CblasTrans})
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasUpper, form, CblasNonUnit, side, side, 1.0, factor.data(),
                side, m.data(), side);
  for (double& value : m) value *= strength;
  return all_finite(m) ? m : std::vector<double>();
}

std::vector<float> compensated(const MatrixView& weight, const std::vector<double>& m, unsigned axis) {
  const std::uint64_t n = axis == 0 ? weight.rows : weight.cols;
  if (m.size() != n * n) return {};
  const auto rows = static_cast<blasint>(weight.rows), cols = static_cast<blasint>(weight.cols);
  const std::vector<double> w(weight.values.begin(), weight.values.end());
  std::vector<double> sum = w;
  if (axis == 0)
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, rows, cols, rows, 1.0, m.data(), rows, w.data(),
                cols, 1.0, sum.data(), cols);
  else
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, cols, cols, 1.0, w.data(), cols, m.data(),
                cols, 1.0, sum.data(), cols);
  std::vector<float> result(sum.begin(), sum.end());
  return all_finite(result) ? result : std::vector<float>();
}

}  // namespace tt::tensor
