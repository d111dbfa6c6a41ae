#include "runtime/statistics.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "base/error.h"
#include "tensor/random.h"

namespace tt::runtime {
namespace {

struct Wilson {
  double p, low, high;
};

// Wilson's interval of k of n.
Wilson wilson(double k, double n, double z) {
  const double p = k / n, centre = 2 * k + z * z, spread = z * std::sqrt(z * z + 4 * k * (1 - p)),
               scale = 2 * (n + z * z);
  return {p, (centre - spread) / scale, (centre + spread) / scale};
}

// The correlation of both answers, less half a pair where it is positive.
double corrected_phi(const PairCounts& pairs) {
  const auto both = static_cast<double>(pairs.both), first = static_cast<double>(pairs.only_first),
             second = static_cast<double>(pairs.only_second), neither = static_cast<double>(pairs.neither);
  const double root = std::sqrt(both + first) * std::sqrt(second + neither) * std::sqrt(both + second) *
                      std::sqrt(first + neither);
  if (root == 0) return 0;
  const double cross = both * neither - first * second, half = (both + first + second + neither) / 2;
  return (cross < 0 ? cross : std::max(cross - half, 0.0)) / root;
}

double square_and_add(double a, double b, double phi) {
  return std::sqrt(std::max(a * a - 2 * phi * a * b + b * b, 0.0));
}

// lgamma itself writes a global variable.
double log_factorial(std::uint64_t n) {
  int sign = 0;
  return ::lgamma_r(static_cast<double>(n) + 1, &sign);
}

// A number below `count` for the index-th draw; the bias is below count / 2^64.
std::size_t draw(std::uint64_t seed, std::uint64_t index, std::size_t count) {
  return static_cast<std::size_t>(
      (static_cast<unsigned __int128>(tensor::random_bits(seed, index)) * count) >> 64);
}

}  // namespace

void ExactSum::add(double value) {
  const double sum = sum_ + value;
  rest_ += std::abs(sum_) >= std::abs(value) ? (sum_ - sum) + value : (value - sum) + sum_;
  sum_ = sum;
  if (!std::isfinite(sum_)) rest_ = 0;  // infinity stays infinity
}

double normal_quantile(double p) {
  if (p > 0.5) return -normal_quantile(1 - p);
  // Newton on log P, which is concave: from a start below the root, where P(Z <= z) <= exp(-z^2 / 2) = p, it
  // rises to the root without passing it.
  double z = -std::sqrt(-2 * std::log(p));
  for (int step = 0; step < 100; ++step) {
    const double tail = 0.5 * std::erfc(-z / std::numbers::sqrt2),
                 density = std::exp(-z * z / 2) * 0.5 * std::numbers::inv_sqrtpi * std::numbers::sqrt2;
    const double change = tail / density * std::log(tail / p);
    z -= change;
    if (std::abs(change) < 1e-15 * (1 + std::abs(z))) break;
  }
  return z;
}

double interval_quantile(double confidence) {
  if (!(confidence > 0 && confidence < 100))
    throw base::Error(base::ErrorKind::usage,
                      "a confidence of " + std::to_string(confidence) + " % is not possible",
                      "give a number above 0 and below 100, such as 95");
  return -normal_quantile((1 - confidence / 100) / 2);
}

double nearest_rank(std::span<const double> sorted, double p) {
  const double rank = std::ceil(p * static_cast<double>(sorted.size()));
  const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return sorted[std::min(index, sorted.size() - 1)];
}

std::pair<double, double> newcombe_interval(const PairCounts& pairs, double z) {
  const auto n = static_cast<double>(pairs.total());
  const Wilson first = wilson(static_cast<double>(pairs.both + pairs.only_first), n, z),
               second = wilson(static_cast<double>(pairs.both + pairs.only_second), n, z);
  const double phi = corrected_phi(pairs), difference = first.p - second.p;
  const double below = square_and_add(first.p - first.low, second.high - second.p, phi),
               above = square_and_add(first.high - first.p, second.p - second.low, phi);
  return {std::max(difference - below, -1.0), std::min(difference + above, 1.0)};
}

double mcnemar_p(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t n = a + b, least = std::min(a, b);
  // P(X = least), then each smaller one by the ratio of neighbours.
  double term = std::exp(log_factorial(n) - log_factorial(least) - log_factorial(n - least) -
                         static_cast<double>(n) * std::numbers::ln2);
  double sum = 0;
  for (std::uint64_t k = least;; --k) {
    sum += term;
    if (k == 0 || term < sum * 1e-18) break;
    term *= static_cast<double>(k) / static_cast<double>(n - k + 1);
  }
  return std::min(1.0, 2 * sum);
}

std::pair<double, double> bootstrap_ratio(std::span<const double> values, std::span<const double> weights,
                                          double confidence, std::uint64_t seed) {
  std::vector<double> ratios(kBootstrapRounds);
  for (std::uint64_t round = 0; round < kBootstrapRounds; ++round) {
    double value = 0, weight = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t item = draw(seed, round * values.size() + i, values.size());
      value += values[item];
      weight += weights[item];
    }
    ratios[round] = weight > 0 ? value / weight : 0;
  }
  std::sort(ratios.begin(), ratios.end());
  const double tail = (1 - confidence / 100) / 2;
  return {nearest_rank(ratios, tail), nearest_rank(ratios, 1 - tail)};
}

}  // namespace tt::runtime
