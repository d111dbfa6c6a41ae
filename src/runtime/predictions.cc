#include "runtime/predictions.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "runtime/distribution.h"
#include "runtime/rows.h"
#include "runtime/statistics.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kTop = 5;

[[noreturn]] void refuse_original(RowState state, std::uint64_t sample) {
  const std::string where = " of the original for sample " + std::to_string(sample);
  if (state == RowState::not_finite)
    throw Error(ErrorKind::bad_data, "the scores" + where + " are not finite",
                "the original itself fails on it: nothing can be compared");
  throw Error(ErrorKind::bad_data, "the scores" + where + " are no probabilities",
              "a row along the last axis has to add up to 1; name another task with --task");
}

double ratio(std::uint64_t part, std::uint64_t all) {
  return static_cast<double>(part) / static_cast<double>(all);
}

}  // namespace

struct Predictions::Sums {
  struct Sample {
    double kl = 0;
    std::uint64_t rows = 0, labels = 0, right_original = 0, right_candidate = 0;
  };
  std::vector<double> kl;  // of every row
  std::vector<Sample> samples;
  std::uint64_t rows = 0, non_finite = 0, top1 = 0, top5 = 0;
  bool labelled = false;
  PairCounts pairs;
  ExactSum kl_sum, loss_original, loss_candidate;
  std::vector<double> log_p, log_q;  // of the current row

  void add_row(std::span<const double> x, std::span<const double> y, std::int64_t label, Scores scores);
  void add_label(std::size_t best_x, std::size_t best_y, std::int64_t label, std::size_t classes);
  KlMetrics kl_metrics() const;
  double kl_error() const;
  AccuracyMetrics accuracy(const PredictionOptions& options) const;
  std::pair<double, double> bootstrap(const PredictionOptions& options) const;
};

void Predictions::Sums::add_row(std::span<const double> x, std::span<const double> y, std::int64_t label,
                                Scores scores) {
  const RowState original = log_probabilities(x, scores, log_p);
  if (original != RowState::good) refuse_original(original, samples.size() - 1);
  ++rows;
  ++samples.back().rows;
  if (log_probabilities(y, scores, log_q) != RowState::good) {
    ++non_finite;
    return;
  }
  const double value = divergence(log_p, log_q);
  kl.push_back(value);
  kl_sum.add(value);
  samples.back().kl += value;
  const std::size_t best_x = best_of(x), best_y = best_of(y);
  top1 += best_x == best_y;
  top5 += among_best(y, best_x, kTop);
  if (label != kIgnored) add_label(best_x, best_y, label, x.size());
}

void Predictions::Sums::add_label(std::size_t best_x, std::size_t best_y, std::int64_t label,
                                  std::size_t classes) {
  if (label < 0 || static_cast<std::uint64_t>(label) >= classes)
    throw Error(ErrorKind::bad_data, "the label " + std::to_string(label) + " of sample " +
                                         std::to_string(samples.size() - 1) + " is outside 0 to " +
                                         std::to_string(classes - 1) + ", the model's classes");
  const auto index = static_cast<std::size_t>(label);
  const bool original = best_x == index, candidate = best_y == index;
  Sample& sample = samples.back();
  ++sample.labels;
  sample.right_original += original;
  sample.right_candidate += candidate;
  ++(original ? candidate ? pairs.both : pairs.only_first : candidate ? pairs.only_second : pairs.neither);
  loss_original.add(-log_p[index]);
  loss_candidate.add(-log_q[index]);
}

double Predictions::Sums::kl_error() const {
  const double mean = kl_sum.value() / static_cast<double>(rows);
  double squares = 0, count = 0;
  for (const Sample& sample : samples) {
    if (sample.rows == 0) continue;
    const double off = sample.kl - mean * static_cast<double>(sample.rows);
    squares += off * off;
    ++count;
  }
  if (count < 2) return kNan;
  return std::sqrt(squares / (count * (count - 1))) * count / static_cast<double>(rows);
}

KlMetrics Predictions::Sums::kl_metrics() const {
  std::vector<double> sorted = kl;
  std::sort(sorted.begin(), sorted.end());
  return {kl_sum.value() / static_cast<double>(rows), nearest_rank(sorted, 0.5), nearest_rank(sorted, 0.9),
          nearest_rank(sorted, 0.99), kl_error()};
}

std::pair<double, double> Predictions::Sums::bootstrap(const PredictionOptions& options) const {
  std::vector<double> differences, labels;
  for (const Sample& sample : samples) {
    if (sample.labels == 0) continue;
    differences.push_back(static_cast<double>(sample.right_original) -
                          static_cast<double>(sample.right_candidate));
    labels.push_back(static_cast<double>(sample.labels));
  }
  return bootstrap_ratio(differences, labels, options.confidence, options.seed);
}

AccuracyMetrics Predictions::Sums::accuracy(const PredictionOptions& options) const {
  AccuracyMetrics result;
  result.labels = pairs.total();
  result.only_original = pairs.only_first;
  result.only_candidate = pairs.only_second;
  result.original = ratio(pairs.both + pairs.only_first, result.labels);
  result.candidate = ratio(pairs.both + pairs.only_second, result.labels);
  result.drop = 100 * (static_cast<double>(pairs.only_first) - static_cast<double>(pairs.only_second)) /
                static_cast<double>(result.labels);
  const bool single =
      std::all_of(samples.begin(), samples.end(), [](const Sample& sample) { return sample.labels <= 1; });
  const auto [low, high] =
      single ? newcombe_interval(pairs, interval_quantile(options.confidence)) : bootstrap(options);
  result.ci95_low = 100 * low;
  result.ci95_high = 100 * high;
  result.p_value = mcnemar_p(pairs.only_first, pairs.only_second);
  return result;
}

Predictions::Predictions(const PredictionOptions& options)
    : options_(options), sums_(std::make_unique<Sums>()) {
  if (options_.confidence == 0) options_.confidence = 95;
  interval_quantile(options_.confidence);
}
Predictions::Predictions(Predictions&&) noexcept = default;
Predictions& Predictions::operator=(Predictions&&) noexcept = default;
Predictions::~Predictions() = default;

void Predictions::add(const Array& original, const Array& candidate, std::span<const std::int64_t> labels,
                      std::span<const std::uint8_t> keep) {
  require_same_shape(original, candidate, "the judged output");
  const Rows rows = rows_of(original.shape);
  if (rows.length < 2)
    throw Error(
        ErrorKind::bad_data,
        "predictions need at least two classes, the judged output is " + tensor::shape_text(original.shape),
        "name another task with --task");
  const bool fits =
      (labels.empty() || labels.size() == rows.count()) && (keep.empty() || rows.count() % keep.size() == 0);
  if (!fits)
    throw Error(ErrorKind::bad_data, std::to_string(labels.size()) + " labels and " +
                                         std::to_string(keep.size()) + " mask flags are given for " +
                                         std::to_string(rows.count()) + " predictions");
  const std::size_t width = keep.empty() ? 1 : rows.count() / keep.size();  // rows of a flag
  sums_->labelled |= !labels.empty();
  const std::vector<double> x = to_doubles(original), y = to_doubles(candidate);
  for (std::uint64_t r = 0; r < rows.count(); ++r) {
    if (r % rows.per_sample == 0) sums_->samples.emplace_back();
    if (!keep.empty() && keep[r / width] == 0) continue;
    const std::size_t begin = r * rows.length;
    sums_->add_row({&x[begin], rows.length}, {&y[begin], rows.length}, labels.empty() ? kIgnored : labels[r],
                   options_.scores);
  }
}

PredictionMetrics Predictions::result() const {
  const Sums& sums = *sums_;
  if (sums.rows == 0)
    throw Error(ErrorKind::bad_data, "no prediction was compared",
                "there are no samples, or the mask leaves everything out");
  PredictionMetrics result;
  result.rows = sums.rows;
  result.non_finite_rows = sums.non_finite;
  const bool broken = sums.non_finite > 0;
  if (sums.labelled && sums.pairs.total() == 0 && !broken)
    throw Error(ErrorKind::bad_data, "none of the labels counts", "all are ignored or left out by the mask");
  if (broken) {
    result.kl = {kNan, kNan, kNan, kNan, kNan};
    result.top1_agreement = result.top5_agreement = kNan;
  } else {
    result.kl = sums.kl_metrics();
    result.top1_agreement = ratio(sums.top1, sums.rows);
    result.top5_agreement = ratio(sums.top5, sums.rows);
  }
  if (!sums.labelled) return result;
  const auto count = static_cast<double>(sums.pairs.total());
  result.accuracy = broken ? AccuracyMetrics{kNan, kNan, kNan, kNan, kNan, kNan, sums.pairs.total()}
                           : sums.accuracy(options_);
  if (options_.perplexity)
    result.perplexity = broken ? PerplexityMetrics{kNan, kNan}
                               : PerplexityMetrics{std::exp(sums.loss_original.value() / count),
                                                   std::exp(sums.loss_candidate.value() / count)};
  return result;
}

}  // namespace tt::runtime
