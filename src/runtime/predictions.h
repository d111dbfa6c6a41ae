// How a compressed model's predictions differ from the original's: divergence, agreement, accuracy,
// perplexity. A row (runtime/rows.h) is one prediction: C classes along the last axis of the judged output.
// Probabilities are divided by their sum in double first (rounded ones add up to 1 +- 1e-7).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "runtime/array.h"
#include "runtime/task.h"

namespace tt::runtime {

// KL(original || candidate) in nats a row, softmax in double with the maximum subtracted; p log(p/q), with p
// = 0 counting 0 and q = 0 < p infinite. Mean over rows; median, p90, p99: nearest rank. se: standard error
// of the mean over independent samples, rows of one sample belonging together: sqrt(sum_s (n_s (m_s -
// mean))^2 / (S (S - 1))) / (rows / S), n_s rows of mean m_s in sample s of S (W. G. Cochran, Sampling
// Techniques, 1977, section 9A.3); NaN for a single sample.
struct KlMetrics {
  double mean = 0, median = 0, p90 = 0, p99 = 0, se = 0;
};
// In 0..1; drop and ci95 in percentage points, original - candidate. The samples are paired: the interval is
// that of the difference of two correlated proportions for one label a sample (Newcombe 1998, method 10:
// square-and-add of Wilson intervals, with phi), a seeded bootstrap over samples if a sample has several
// labels (runtime/statistics.h). p_value: exact McNemar test (two-sided) on the pairs that differ; 1 if there
// are none.
struct AccuracyMetrics {
  double original = 0, candidate = 0, drop = 0, ci95_low = 0, ci95_high = 0, p_value = 1;
  std::uint64_t labels = 0, only_original = 0, only_candidate = 0;  // right in one of both alone
};
// exp of the mean negative log-likelihood (natural) of the labels.
struct PerplexityMetrics {
  double original = 0, candidate = 0;
};
struct PredictionMetrics {
  KlMetrics kl;
  double top1_agreement = 0, top5_agreement = 0;  // argmax equal; the original's argmax among the
                                                  // candidate's five largest. Ties: the lowest index first
  std::optional<AccuracyMetrics> accuracy;
  std::optional<PerplexityMetrics> perplexity;
  std::uint64_t rows = 0;             // compared
  std::uint64_t non_finite_rows = 0;  // of the candidate: NaN, infinite, or no probabilities where the
                                      // original gives some; every figure is NaN then
};

struct PredictionOptions {
  Scores scores = Scores::logits;
  bool perplexity = false;  // labels needed
  double confidence = 0;    // percent; 0 = 95 for intervals
  std::uint64_t seed = 0;   // of the bootstrap
};

class Predictions {
 public:
  // Errors: usage: a confidence outside (0, 100).
  explicit Predictions(const PredictionOptions& options);
  Predictions(Predictions&&) noexcept;
  Predictions& operator=(Predictions&&) noexcept;
  ~Predictions();

  // The next samples, in order. `labels`: one a row, or empty for all; kIgnored marks a row without a label.
  // `keep`: flags for the first axes, each for equally many rows, empty = all; rows with 0 do not count.
  // Errors: bad_data: shapes that differ, fewer than two classes, a label outside 0..C-1, another number of
  // labels or flags than fits, an original that is not finite, probabilities of it that are none.
  static constexpr std::int64_t kIgnored = -100;
  void add(const Array& original, const Array& candidate, std::span<const std::int64_t> labels,
           std::span<const std::uint8_t> keep = {});
  // Errors: bad_data if no row, or labels were given and none counted.
  PredictionMetrics result() const;

 private:
  struct Sums;
  PredictionOptions options_;
  std::unique_ptr<Sums> sums_;
};

}  // namespace tt::runtime
