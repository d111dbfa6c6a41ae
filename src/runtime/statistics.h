// The statistics behind verify's figures: sums, intervals, tests.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace tt::runtime {

// A sum with its rounding errors carried along (Neumaier 1974): error about one rounding of the result,
// however many terms.
class ExactSum {
 public:
  void add(double value);
  double value() const { return sum_ + rest_; }

 private:
  double sum_ = 0, rest_ = 0;
};

// z with P(Z <= z) = p of a standard normal variable; p in (0, 1). Accurate to about 1e-13.
double normal_quantile(double p);
// The z of a two-sided interval of `confidence` percent: 1.96 for 95. Errors: usage outside (0, 100).
double interval_quantile(double confidence);

// The smallest value that at least a share `p` of the sorted values does not exceed (nearest rank).
double nearest_rank(std::span<const double> sorted, double p);

// n pairs: both right, one right alone, both wrong.
struct PairCounts {
  std::uint64_t both = 0, only_first = 0, only_second = 0, neither = 0;
  std::uint64_t total() const { return both + only_first + only_second + neither; }
};
// Interval of p_first - p_second of correlated proportions: R. G. Newcombe, Improved confidence intervals for
// the difference between binomial proportions based on paired data, Statistics in Medicine 17 (1998),
// 2635-2650, method 10: Wilson limits l, u of each p, and with phi, the correlation with a correction for
// continuity, p1 - p2 -+ sqrt(a^2 - 2 phi a b + b^2), where a and b are the distances of the two limits. At
// least one pair.
std::pair<double, double> newcombe_interval(const PairCounts& pairs, double z);

// Exact two-sided McNemar test: min(1, 2 P(X <= min(a, b))) with X binomial (a + b, 1/2).
double mcnemar_p(std::uint64_t a, std::uint64_t b);

// Percentile interval of sum(values) / sum(weights) by resampling the items (values[i], weights[i]) with
// replacement kBootstrapRounds times; draws by tensor/random.h, so that it depends on the seed alone.
inline constexpr std::uint64_t kBootstrapRounds = 2000;
std::pair<double, double> bootstrap_ratio(std::span<const double> values, std::span<const double> weights,
                                          double confidence, std::uint64_t seed);

}  // namespace tt::runtime
