#include "runtime/predictions.h"

#include <doctest/doctest.h>

#include <cmath>

#include "runtime/distribution.h"
#include "runtime/statistics.h"
#include "support.h"
#include "tensor/random.h"

namespace tt::runtime {
namespace {

using base::ErrorKind;
using doctest::Approx;
using test::error_kind;
using test::floats;
using Labels64 = std::vector<std::int64_t>;

constexpr std::int64_t kIgnored = Predictions::kIgnored;

PredictionMetrics compare(const Array& original, const Array& candidate, const Labels64& labels = {},
                          const PredictionOptions& options = {}, const std::vector<std::uint8_t>& keep = {}) {
  Predictions predictions(options);
  predictions.add(original, candidate, labels, keep);
  return predictions.result();
}

PredictionOptions of_scores(Scores scores, bool perplexity = false) {
  PredictionOptions options;
  options.scores = scores;
  options.perplexity = perplexity;
  return options;
}

std::vector<double> noise(std::size_t count, std::uint64_t seed, double scale = 4) {
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = scale * tensor::random_uniform(seed, i);
  return values;
}

// `classes` scores whose best is `best`.
std::vector<double> row_of(std::size_t classes, std::size_t best) {
  std::vector<double> row(classes, 0);
  row[best] = 1;
  return row;
}
Array rows_of_best(std::size_t classes, const std::vector<std::size_t>& best) {
  std::vector<double> values;
  for (const std::size_t index : best) {
    const std::vector<double> row = row_of(classes, index);
    values.insert(values.end(), row.begin(), row.end());
  }
  return floats({best.size(), classes}, values);
}

TEST_CASE("divergence of two coins") {
  const Array p = floats({1, 2}, {0.25, 0.75}), q = floats({1, 2}, {0.5, 0.5});
  const double expected = 0.25 * std::log(0.5) + 0.75 * std::log(1.5);
  const KlMetrics metrics = compare(p, q, {}, of_scores(Scores::probabilities)).kl;
  CHECK(metrics.mean == Approx(expected).epsilon(1e-13));
  CHECK(metrics.median == metrics.mean);
  CHECK(metrics.p99 == metrics.mean);
  CHECK(std::isnan(metrics.se));  // one sample says nothing about the others
}

TEST_CASE("logits, logarithms and probabilities say the same") {
  const std::vector<double> x = noise(50 * 7, 1), y = noise(50 * 7, 2);
  std::vector<double> px, py, lx, ly, out;
  for (std::size_t row = 0; row < 50; ++row) {
    for (const bool first : {true, false}) {
      const auto& from = first ? x : y;
      CHECK(log_probabilities({&from[row * 7], 7}, Scores::logits, out) == RowState::good);
      for (const double value : out) {
        (first ? lx : ly).push_back(value);
        (first ? px : py).push_back(std::exp(value));
      }
    }
  }
  const tensor::Shape shape = {50, 7};
  const auto f64 = [&](const std::vector<double>& values) {
    return from_doubles(values, shape, ElementType::f64, "test");
  };
  const Labels64 labels(50, 3);
  const PredictionMetrics logits = compare(f64(x), f64(y), labels, of_scores(Scores::logits, true));
  for (const PredictionMetrics& other :
       {compare(f64(px), f64(py), labels, of_scores(Scores::probabilities, true)),
        compare(f64(lx), f64(ly), labels, of_scores(Scores::log_probabilities, true))}) {
    CHECK(other.kl.mean == Approx(logits.kl.mean).epsilon(1e-12));
    CHECK(other.kl.p90 == Approx(logits.kl.p90).epsilon(1e-12));
    CHECK(other.kl.se == Approx(logits.kl.se).epsilon(1e-12));
    CHECK(other.perplexity->candidate == Approx(logits.perplexity->candidate).epsilon(1e-12));
    CHECK(other.top1_agreement == logits.top1_agreement);
    CHECK(other.accuracy->drop == logits.accuracy->drop);
  }
  CHECK(logits.kl.mean > 0);
}

TEST_CASE("logits may be shifted and huge") {
  const Array x = floats({2, 3}, {1, 2, 3, 0, 0, 5}), y = floats({2, 3}, {1, 3, 2, 0, 1, 5});
  const Array far = floats({2, 3}, {10001, 10002, 10003, -10000, -10000, -9995});
  CHECK(compare(far, y).kl.mean == Approx(compare(x, y).kl.mean).epsilon(1e-9));
  CHECK(compare(x, x).kl.mean == 0);
  CHECK(compare(x, x).kl.p99 == 0);
  const Array sure = floats({1, 2}, {5000, 0}), wrong = floats({1, 2}, {0, 5000});
  CHECK(compare(sure, wrong).kl.mean == Approx(5000));
}

TEST_CASE("a tiny divergence keeps its digits") {
  // Two classes at p = 1/2 + e against 1/2: KL = 2 e^2 + O(e^4).
  const double e = 1e-7;
  const Array p = from_doubles({std::log(0.5 + e), std::log(0.5 - e)}, {1, 2}, ElementType::f64, "p");
  const Array q = from_doubles({0, 0}, {1, 2}, ElementType::f64, "q");
  CHECK(compare(p, q).kl.mean == Approx(2 * e * e).epsilon(1e-6));
}

TEST_CASE("impossible classes") {
  const PredictionOptions options = of_scores(Scores::probabilities, true);
  const Array p = floats({1, 3}, {0.5, 0.5, 0}), q = floats({1, 3}, {0.25, 0.25, 0.5});
  CHECK(compare(p, q, {}, options).kl.mean == Approx(std::log(2)));  // p = 0 counts 0
  CHECK(compare(q, p, {}, options).kl.mean == INFINITY);             // q = 0 < p
  CHECK(compare(p, p, {}, options).kl.mean == 0);
  CHECK(compare(q, p, {2}, options).perplexity->candidate == INFINITY);
}

TEST_CASE("rows, ranks and the error of the mean") {
  // KL of sample i is that of a coin; compare with the plain formulas.
  const std::uint64_t samples = 40;
  const std::vector<double> x = noise(samples * 2, 3), y = noise(samples * 2, 4);
  std::vector<double> each;
  for (std::size_t i = 0; i < samples; ++i)
    each.push_back(
        compare(floats({1, 2}, {x[2 * i], x[2 * i + 1]}), floats({1, 2}, {y[2 * i], y[2 * i + 1]})).kl.mean);
  double mean = 0, square = 0;
  for (const double value : each) mean += value / samples;
  for (const double value : each) square += (value - mean) * (value - mean);
  const PredictionMetrics metrics = compare(floats({samples, 2}, x), floats({samples, 2}, y));
  CHECK(metrics.rows == samples);
  CHECK(metrics.kl.mean == Approx(mean));
  CHECK(metrics.kl.se == Approx(std::sqrt(square / (samples - 1) / samples)));
  std::sort(each.begin(), each.end());
  CHECK(metrics.kl.median == each[19]);
  CHECK(metrics.kl.p90 == each[35]);
  CHECK(metrics.kl.p99 == each[39]);
  // Rows of a sample belong together: the same rows twice do not make the mean more certain.
  std::vector<double> twice_x, twice_y;
  for (std::size_t i = 0; i < samples; ++i)
    for (int again = 0; again < 2; ++again)
      for (std::size_t c = 0; c < 2; ++c) twice_x.push_back(x[2 * i + c]), twice_y.push_back(y[2 * i + c]);
  const PredictionMetrics twice = compare(floats({samples, 2, 2}, twice_x), floats({samples, 2, 2}, twice_y));
  CHECK(twice.rows == 2 * samples);
  CHECK(twice.kl.mean == Approx(metrics.kl.mean));
  CHECK(twice.kl.se == Approx(metrics.kl.se));
}

TEST_CASE("agreement, ties by the lowest index") {
  const Array x = rows_of_best(8, {0, 1, 2, 3});
  Array y = rows_of_best(8, {0, 1, 7, 3});
  CHECK(compare(x, y).top1_agreement == 0.75);
  CHECK(compare(x, y).top5_agreement == 1);  // class 2 is the third of the equal ones behind 7
  const Array late = rows_of_best(8, {5}), early = rows_of_best(8, {0});
  CHECK(compare(late, early).top5_agreement == 0);  // 0, then 1 to 4 of equal ones
  CHECK(compare(early, late).top5_agreement == 1);
  const Array flat = floats({1, 3}, {1, 1, 1});
  CHECK(compare(flat, rows_of_best(3, {0})).top1_agreement == 1);
  CHECK(compare(flat, rows_of_best(3, {2})).top1_agreement == 0);
}

TEST_CASE("accuracy of pairs") {
  // Both right on 3, the original alone on 2, the candidate alone on 1, neither on 1.
  const Array x = rows_of_best(3, {0, 0, 0, 1, 1, 2, 2}), y = rows_of_best(3, {0, 0, 0, 0, 2, 1, 2});
  const AccuracyMetrics metrics = *compare(x, y, {0, 0, 0, 1, 1, 1, 1}).accuracy;
  CHECK(metrics.labels == 7);
  CHECK(metrics.original == Approx(5.0 / 7));
  CHECK(metrics.candidate == Approx(4.0 / 7));
  CHECK(metrics.drop == Approx(100.0 / 7));
  CHECK(metrics.only_original == 2);
  CHECK(metrics.only_candidate == 1);
  CHECK(metrics.p_value == mcnemar_p(2, 1));
  const auto [low, high] = newcombe_interval({3, 2, 1, 1}, interval_quantile(95));
  CHECK(metrics.ci95_low == 100 * low);
  CHECK(metrics.ci95_high == 100 * high);
  PredictionOptions sure;
  sure.confidence = 99;
  CHECK(compare(x, y, {0, 0, 0, 1, 1, 1, 1}, sure).accuracy->ci95_high > metrics.ci95_high);
  CHECK_FALSE(compare(x, y, {0, 0, 0, 1, 1, 1, 1}).perplexity);
  CHECK_FALSE(compare(x, y).accuracy);
}

TEST_CASE("rows without a label and rows that are masked") {
  const Array x = rows_of_best(3, {0, 1, 2, 0}), y = rows_of_best(3, {0, 2, 2, 1});
  const PredictionMetrics some = compare(x, y, {0, kIgnored, 2, 0});
  CHECK(some.rows == 4);
  CHECK(some.top1_agreement == 0.5);
  CHECK(some.accuracy->labels == 3);
  CHECK(some.accuracy->candidate == Approx(2.0 / 3));
  const PredictionMetrics masked = compare(x, y, {0, 1, 2, 0}, {}, {1, 0, 1, 0});
  CHECK(masked.rows == 2);
  CHECK(masked.top1_agreement == 1);
  CHECK(masked.accuracy->labels == 2);
  // One flag for two rows.
  const Array x2 = floats({2, 2, 2}, noise(8, 5)), y2 = floats({2, 2, 2}, noise(8, 6));
  CHECK(compare(x2, y2, {}, {}, {0, 1}).rows == 2);
}

TEST_CASE("several labels a sample: an interval by resampling samples") {
  const std::uint64_t samples = 60, positions = 5;
  const std::vector<double> x = noise(samples * positions * 3, 7), y = noise(samples * positions * 3, 8);
  Labels64 labels(samples * positions);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int64_t>(i % 3);
  const Array a = floats({samples, positions, 3}, x), b = floats({samples, positions, 3}, y);
  const AccuracyMetrics metrics = *compare(a, b, labels).accuracy;
  CHECK(metrics.ci95_low < metrics.drop);
  CHECK(metrics.drop < metrics.ci95_high);
  PredictionOptions other;
  other.seed = 1;
  CHECK(compare(a, b, labels).accuracy->ci95_low == metrics.ci95_low);
  const AccuracyMetrics reseeded = *compare(a, b, labels, other).accuracy;
  const bool differs = reseeded.ci95_low != metrics.ci95_low || reseeded.ci95_high != metrics.ci95_high;
  CHECK(differs);
}

TEST_CASE("perplexity") {
  const PredictionOptions options = of_scores(Scores::logits, true);
  const Array even = floats({1, 4, 8}, std::vector<double>(32, 2.5));
  const PredictionMetrics metrics = compare(even, even, {0, 1, 2, 3}, options);
  CHECK(metrics.perplexity->original == Approx(8));
  CHECK(metrics.perplexity->candidate == Approx(8));
  const Array half = floats({1, 1, 2}, {0, 0}), third = floats({1, 1, 2}, {0, std::log(2)});
  CHECK(compare(half, third, {0}, options).perplexity->candidate == Approx(3));
  CHECK_FALSE(compare(half, third, {}, options).perplexity);
}

TEST_CASE("batches do not change a bit of the predictions") {
  const std::uint64_t samples = 60;
  const std::vector<double> x = noise(samples * 10, 9), y = noise(samples * 10, 10);
  Labels64 labels(samples * 2);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int64_t>(i % 5);
  const PredictionOptions options = of_scores(Scores::logits, true);
  const PredictionMetrics whole =
      compare(floats({samples, 2, 5}, x), floats({samples, 2, 5}, y), labels, options);
  for (const std::uint64_t batch : {std::uint64_t{1}, std::uint64_t{7}, std::uint64_t{59}}) {
    Predictions predictions(options);
    for (std::uint64_t begin = 0; begin < samples; begin += batch) {
      const std::uint64_t end = std::min(begin + batch, samples);
      const auto part = [&](const auto& values, std::uint64_t width) {
        return std::decay_t<decltype(values)>(values.begin() + static_cast<std::ptrdiff_t>(begin * width),
                                              values.begin() + static_cast<std::ptrdiff_t>(end * width));
      };
      predictions.add(floats({end - begin, 2, 5}, part(x, 10)), floats({end - begin, 2, 5}, part(y, 10)),
                      part(labels, 2));
    }
    const PredictionMetrics parts = predictions.result();
    CHECK(parts.kl.mean == whole.kl.mean);
    CHECK(parts.kl.se == whole.kl.se);
    CHECK(parts.kl.p99 == whole.kl.p99);
    CHECK(parts.top5_agreement == whole.top5_agreement);
    CHECK(parts.accuracy->ci95_high == whole.accuracy->ci95_high);
    CHECK(parts.perplexity->candidate == whole.perplexity->candidate);
  }
}

TEST_CASE("a candidate that gives no distribution has no figures") {
  const auto check_broken = [](const PredictionMetrics& metrics) {
    CHECK(metrics.non_finite_rows == 1);
    CHECK(metrics.rows == 2);
    for (const double figure :
         {metrics.kl.mean, metrics.kl.median, metrics.kl.p90, metrics.kl.p99, metrics.kl.se,
          metrics.top1_agreement, metrics.top5_agreement, metrics.accuracy->original,
          metrics.accuracy->candidate, metrics.accuracy->drop, metrics.accuracy->ci95_low,
          metrics.accuracy->ci95_high, metrics.accuracy->p_value, metrics.perplexity->original,
          metrics.perplexity->candidate})
      CHECK(std::isnan(figure));
  };
  const Array logits = floats({2, 2}, {1, 2, 3, 4});
  for (const double bad : {double(NAN), double(INFINITY), -double(INFINITY)})
    check_broken(compare(logits, floats({2, 2}, {1, 2, bad, 4}), {0, 1}, of_scores(Scores::logits, true)));
  const Array coins = floats({2, 2}, {0.5, 0.5, 0.25, 0.75});
  for (const double bad : {-0.25, 0.5})
    check_broken(compare(coins, floats({2, 2}, {0.5, 0.5, bad, 0.75}), {0, 1},
                         of_scores(Scores::probabilities, true)));
  // Even where no label is left.
  CHECK(std::isnan(compare(floats({1, 2}, {1, 2}), floats({1, 2}, {1, NAN}), {0}).accuracy->drop));
}

TEST_CASE("predictions that cannot be compared are refused") {
  const auto kind = [](const Array& x, const Array& y, const Labels64& labels, Scores scores,
                       const std::vector<std::uint8_t>& keep, const std::string& part) {
    return error_kind([&] { compare(x, y, labels, of_scores(scores), keep); }, part);
  };
  const Array array = floats({2, 2}, {1, 2, 3, 4});
  const Scores logits = Scores::logits;
  CHECK(kind(array, floats({2, 3}, noise(6, 1)), {}, logits, {}, "shape 2x3") == ErrorKind::bad_data);
  CHECK(kind(floats({2, 1}, {1, 2}), floats({2, 1}, {1, 2}), {}, logits, {}, "two classes") ==
        ErrorKind::bad_data);
  CHECK(kind(array, array, {0, 2}, logits, {}, "label 2 of sample 1 is outside 0 to 1") ==
        ErrorKind::bad_data);
  CHECK(kind(array, array, {0, -1}, logits, {}, "label -1") == ErrorKind::bad_data);
  CHECK(kind(array, array, {0}, logits, {}, "1 labels") == ErrorKind::bad_data);
  CHECK(kind(array, array, {}, logits, {1, 1, 1}, "3 mask flags") == ErrorKind::bad_data);
  CHECK(kind(floats({2, 2}, {1, 2, NAN, 1}), array, {}, logits, {}, "original for sample 1 are not finite") ==
        ErrorKind::bad_data);
  CHECK(kind(array, array, {}, Scores::probabilities, {}, "no probabilities") == ErrorKind::bad_data);
  CHECK(kind(floats({1, 2}, {-0.5, 1.5}), floats({1, 2}, {0.5, 0.5}), {}, Scores::probabilities, {},
             "no probabilities") == ErrorKind::bad_data);
  CHECK(kind(array, array, {}, Scores::log_probabilities, {}, "no probabilities") == ErrorKind::bad_data);
  CHECK(kind(array, array, {}, logits, {0, 0}, "no prediction") == ErrorKind::bad_data);
  CHECK(kind(array, array, {kIgnored, kIgnored}, logits, {}, "none of the labels") == ErrorKind::bad_data);
  CHECK(error_kind([] { Predictions({}).result(); }, "no prediction") == ErrorKind::bad_data);
  PredictionOptions options;
  options.confidence = 100;
  CHECK(error_kind([&] { Predictions{options}; }, "confidence") == ErrorKind::usage);
}

}  // namespace
}  // namespace tt::runtime
