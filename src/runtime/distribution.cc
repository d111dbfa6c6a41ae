#include "runtime/distribution.h"

#include <algorithm>
#include <cmath>

namespace tt::runtime {
namespace {

bool all_finite(std::span<const double> row) {
  return std::all_of(row.begin(), row.end(), [](const double value) { return std::isfinite(value); });
}

RowState from_probabilities(std::span<const double> row, std::vector<double>& out) {
  double sum = 0;
  for (const double value : row) {
    if (value < 0) return RowState::no_distribution;
    sum += value;
  }
  if (std::abs(sum - 1) > kSumTolerance) return RowState::no_distribution;
  std::transform(row.begin(), row.end(), out.begin(),
                 [sum](const double value) { return std::log(value / sum); });
  return RowState::good;
}

double log_sum(std::span<const double> row) {
  const double largest = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (const double value : row) sum += std::exp(value - largest);
  return largest + std::log(sum);
}

// p (e^d - 1 - d) with q = p e^d.
double divergence_term(double log_p, double log_q) {
  const double p = std::exp(log_p);
  if (p == 0) return std::exp(log_q);
  const double d = log_q - log_p;
  return std::abs(d) < 0.5 ? p * (std::expm1(d) - d) : std::exp(log_q) - p - p * d;
}

}  // namespace

RowState log_probabilities(std::span<const double> row, Scores scores, std::vector<double>& out) {
  if (!all_finite(row)) return RowState::not_finite;
  out.resize(row.size());
  if (scores == Scores::probabilities) return from_probabilities(row, out);
  const double log_all = log_sum(row);
  if (scores == Scores::log_probabilities && std::abs(std::expm1(log_all)) > kSumTolerance)
    return RowState::no_distribution;
  std::transform(row.begin(), row.end(), out.begin(),
                 [log_all](const double value) { return value - log_all; });
  return RowState::good;
}

double divergence(std::span<const double> log_p, std::span<const double> log_q) {
  double sum = 0;
  for (std::size_t i = 0; i < log_p.size(); ++i) sum += divergence_term(log_p[i], log_q[i]);
  return sum;
}

std::size_t best_of(std::span<const double> row) {
  return static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

bool among_best(std::span<const double> row, std::size_t index, std::size_t count) {
  std::size_t before = 0;
  for (std::size_t i = 0; i < row.size(); ++i)
    before += row[i] > row[index] || (row[i] == row[index] && i < index);
  return before < count;
}

}  // namespace tt::runtime
