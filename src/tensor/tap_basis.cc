#include "tensor/tap_basis.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tensor/gram.h"

namespace tt::tensor {
namespace {

using Square = std::vector<double>;  // row-major

constexpr double kLeastEigen = 1e-6;  // of the largest one, in roots of the metric
constexpr double kLeastPivot = 0.05;  // rounding may make functions alike

Square multiplied(const Square& a, const Square& b, std::uint64_t n) {
  Square out(n * n);
  for (std::uint64_t i = 0; i < n; ++i)
    for (std::uint64_t k = 0; k < n; ++k)
      for (std::uint64_t j = 0; j < n; ++j) out[i * n + j] += a[i * n + k] * b[k * n + j];
  return out;
}

Square turned(const Square& a, std::uint64_t n) {
  Square out(n * n);
  for (std::uint64_t i = 0; i < n; ++i)
    for (std::uint64_t j = 0; j < n; ++j) out[j * n + i] = a[i * n + j];
  return out;
}

// C_I: channels x channels. C_T: taps x taps.
struct Traces {
  Square channels, taps;
};

Traces traces_of(const Square& metric, const KernelShape& shape) {
  const std::uint64_t I = shape.channels, K = shape.taps, n = shape.inputs();
  Traces traces{Square(I * I), Square(K * K)};
  for (std::uint64_t i = 0; i < I; ++i)
    for (std::uint64_t k = 0; k < K; ++k) {
      const double* row = metric.data() + (i * K + k) * n;
      for (std::uint64_t j = 0; j < I; ++j) traces.channels[i * I + j] += row[j * K + k];
      for (std::uint64_t l = 0; l < K; ++l) traces.taps[k * K + l] += row[i * K + l];
    }
  return traces;
}

// S = sum_o W_o^T C_I W_o, taps x taps.
Square covariance_of(std::span<const float> values, const Square& channels, const KernelShape& shape) {
  const std::uint64_t I = shape.channels, K = shape.taps, wide = shape.outputs * K;
  std::vector<float> by_channel(values.size());
  for (std::uint64_t o = 0; o < shape.outputs; ++o)
    for (std::uint64_t i = 0; i < I; ++i)
      std::copy_n(values.data() + (o * I + i) * K, K, by_channel.data() + i * wide + o * K);
  const std::vector<double> weighted = project(channels, I, {by_channel, I, wide}, false);
  Square sums(K * K);
  for (std::uint64_t at = 0; at < by_channel.size(); at += K)
    for (std::uint64_t k = 0; k < K; ++k)
      for (std::uint64_t l = 0; l < K; ++l) sums[k * K + l] += weighted[at + k] * double{by_channel[at + l]};
  return sums;
}

// A^power of a positive semidefinite A.
Square power_of(const Square& a, std::uint64_t n, double power) {
  const Eigen eigen = eigen_of(a, n, true);
  const double least = std::max(kLeastEigen * eigen.values[0], 1e-300);
  Square out(n * n);
  for (std::uint64_t e = 0; e < n; ++e) {
    const double factor = std::pow(std::max(eigen.values[e], least), power);
    const double* v = eigen.vectors.data() + e * n;
    for (std::uint64_t i = 0; i < n; ++i)
      for (std::uint64_t j = 0; j < n; ++j) out[i * n + j] += factor * v[i] * v[j];
  }
  return out;
}

double largest_share(const Square& a, std::uint64_t n) {
  const Eigen eigen = eigen_of(a, n, false);
  const double sum = std::accumulate(eigen.values.begin(), eigen.values.end(), 0.0);
  return sum > 0 ? eigen.values[0] / sum : 0;
}

// Row u is function u.
std::vector<std::int32_t> functions_of(const Square& taps, const Square& covariance, std::uint64_t K) {
  const Square root = power_of(taps, K, 0.5), inverse = power_of(taps, K, -0.5);
  const Eigen found = eigen_of(multiplied(root, multiplied(covariance, root, K), K), K, true);
  const Square functions = multiplied(found.vectors, inverse, K);
  std::vector<std::int32_t> codes(K * K);
  for (std::uint64_t u = 0; u < K; ++u) {
    const double* row = functions.data() + u * K;
    const double norm = std::sqrt(std::inner_product(row, row + K, row, 0.0));
    for (std::uint64_t t = 0; t < K; ++t)
      codes[u * K + t] = static_cast<std::int32_t>(std::lrint(row[t] / norm * kTapUnit));
  }
  return codes;
}

std::vector<std::int32_t> plain_functions(std::uint64_t K) {
  std::vector<std::int32_t> codes(K * K);
  for (std::uint64_t u = 0; u < K; ++u) codes[u * K + u] = kTapUnit;
  return codes;
}

Square values_of(const std::vector<std::int32_t>& codes) {
  Square values(codes.size());
  std::transform(codes.begin(), codes.end(), values.begin(),
                 [](int code) { return double(code) / kTapUnit; });
  return values;
}

// By elimination with pivots from the rows left; empty if one is too small.
Square inverse_of(Square a, std::uint64_t n) {
  Square out(n * n);
  for (std::uint64_t i = 0; i < n; ++i) out[i * n + i] = 1;
  for (std::uint64_t col = 0; col < n; ++col) {
    std::uint64_t pivot = col;
    for (std::uint64_t row = col + 1; row < n; ++row)
      if (std::abs(a[row * n + col]) > std::abs(a[pivot * n + col])) pivot = row;
    if (!(std::abs(a[pivot * n + col]) > kLeastPivot)) return {};
    for (std::uint64_t j = 0; j < n; ++j) {
      std::swap(a[pivot * n + j], a[col * n + j]);
      std::swap(out[pivot * n + j], out[col * n + j]);
    }
    for (std::uint64_t row = 0; row < n; ++row) {
      const double factor = a[row * n + col] / a[col * n + col];
      for (std::uint64_t j = 0; row != col && j < n; ++j) {
        a[row * n + j] -= factor * a[col * n + j];
        out[row * n + j] -= factor * out[col * n + j];
      }
    }
  }
  for (std::uint64_t i = 0; i < n; ++i)
    for (std::uint64_t j = 0; j < n; ++j) out[i * n + j] /= a[i * n + i];
  return out;
}

// Every group of taps, a row vector w, times q.
std::vector<float> in_groups(std::span<const float> values, const Square& q, std::uint64_t K) {
  std::vector<float> out(values.size());
  std::vector<double> sums(K);
  for (std::uint64_t at = 0; at < values.size(); at += K) {
    std::fill(sums.begin(), sums.end(), 0.0);
    for (std::uint64_t k = 0; k < K; ++k)
      for (std::uint64_t u = 0; u < K; ++u) sums[u] += double{values[at + k]} * q[k * K + u];
    std::transform(sums.begin(), sums.end(), out.begin() + static_cast<std::ptrdiff_t>(at),
                   [](double sum) { return static_cast<float>(sum); });
  }
  return out;
}

// (I (x) F) C (I (x) F^T) in place, F having a function a row.
void change_basis(Square& metric, const Square& functions, const KernelShape& shape) {
  const std::uint64_t I = shape.channels, K = shape.taps, n = shape.inputs();
  const Square back = turned(functions, K);
  Square block(K * K);
  for (std::uint64_t i = 0; i < I; ++i)
    for (std::uint64_t j = 0; j < I; ++j) {
      double* corner = metric.data() + i * K * n + j * K;
      for (std::uint64_t k = 0; k < K; ++k) std::copy_n(corner + k * n, K, block.data() + k * K);
      const Square changed = multiplied(functions, multiplied(block, back, K), K);
      for (std::uint64_t k = 0; k < K; ++k) std::copy_n(changed.data() + k * K, K, corner + k * n);
    }
}

// Rounding left it symmetric up to its last digits only.
void make_symmetric(Square& a, std::uint64_t n) {
  for (std::uint64_t i = 0; i < n; ++i)
    for (std::uint64_t j = 0; j < i; ++j) a[i * n + j] = a[j * n + i] = (a[i * n + j] + a[j * n + i]) / 2;
}

}  // namespace

std::vector<double> metric_values(const SicPlan& plan, std::uint64_t n) {
  std::vector<double> values(n * n);
  const std::vector<std::uint64_t>& order = plan.order();
  if (plan.uniform() || plan.feedback().empty()) {
    for (std::uint64_t k = 0; k < n; ++k)
      if (plan.uniform())
        values[k * n + k] = 1;
      else
        values[order[k] * n + order[k]] = plan.gains()[k] * plan.gains()[k];
    return values;
  }
  std::vector<float> upper(n * n);  // U, C' = U U^T, in the order of the plan
  const double unit = *std::max_element(plan.gains().begin(), plan.gains().end());
  for (std::uint64_t k = 0; k < n; ++k) {
    upper[k * n + k] = static_cast<float>(plan.gains()[k] / unit);
    for (std::uint64_t i = k + 1; i < n; ++i)
      upper[k * n + i] = static_cast<float>(double{plan.feedback()[k * n + i]} * plan.gains()[i] / unit);
  }
  const std::vector<double> ordered = gram_of({upper, n, n});
  for (std::uint64_t k = 0; k < n; ++k)
    for (std::uint64_t i = 0; i < n; ++i) values[order[k] * n + order[i]] = unit * unit * ordered[k * n + i];
  return values;
}

TapBasis find_tap_basis(std::span<const float> values, const KernelShape& shape, const SicPlan& plan) {
  const std::uint64_t K = shape.taps, n = shape.inputs();
  TapBasis basis;
  basis.metric = {
      .kind = Metric::Kind::full, .axis = 1, .size = n, .samples = 1, .values = metric_values(plan, n)};
  const Traces traces = traces_of(basis.metric.values, shape);
  basis.codes = functions_of(traces.taps, covariance_of(values, traces.channels, shape), K);
  basis.alike = largest_share(traces.taps, K);
  Square inverse = inverse_of(values_of(basis.codes), K);
  if (inverse.empty()) {
    basis.codes = plain_functions(K);
    inverse = values_of(basis.codes);
  }
  basis.coefficients = in_groups(values, inverse, K);
  change_basis(basis.metric.values, values_of(basis.codes), shape);
  make_symmetric(basis.metric.values, n);
  return basis;
}

}  // namespace tt::tensor
