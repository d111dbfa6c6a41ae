#include "tensor/projection.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "random_values.h"
#include "tensor/svd.h"

namespace {

using namespace tt::tensor;

constexpr std::uint64_t kRows = 7, kCols = 11;

std::vector<double> doubles(std::uint64_t count, unsigned seed) {
  const std::vector<float> values = random_values(count, seed);
  return {values.begin(), values.end()};
}

double dot(const double* a, const double* b, std::uint64_t n) {
  double sum = 0;
  for (std::uint64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

std::vector<float> product(const LowRank& f) {
  std::vector<float> out(f.rows * f.cols);
  for (std::uint64_t i = 0; i < f.rows; ++i)
    for (std::uint64_t j = 0; j < f.cols; ++j) {
      double sum = 0;
      for (std::uint64_t k = 0; k < f.rank; ++k)
        sum += static_cast<double>(f.left[i * f.rank + k]) * static_cast<double>(f.right[k * f.cols + j]);
      out[i * f.cols + j] = static_cast<float>(sum);
    }
  return out;
}

Metric metric_of(const std::vector<float>& x, std::uint64_t samples, std::uint64_t n) {
  Metric metric{Metric::Kind::full, 1, n, static_cast<double>(samples), std::vector<double>(n * n)};
  for (std::uint64_t s = 0; s < samples; ++s)
    for (std::uint64_t i = 0; i < n; ++i)
      for (std::uint64_t j = 0; j < n; ++j)
        metric.values[i * n + j] += static_cast<double>(x[s * n + i]) * static_cast<double>(x[s * n + j]);
  return metric;
}

// tr((V - W) C (V - W)^T) of the columns.
double collateral(const std::vector<float>& v, const std::vector<float>& w, const Metric& metric) {
  const std::uint64_t n = metric.size;
  double sum = 0;
  for (std::uint64_t r = 0; r < v.size() / n; ++r)
    for (std::uint64_t i = 0; i < n; ++i)
      for (std::uint64_t j = 0; j < n; ++j)
        sum += (static_cast<double>(v[r * n + i]) - static_cast<double>(w[r * n + i])) *
               metric.values[i * n + j] *
               (static_cast<double>(v[r * n + j]) - static_cast<double>(w[r * n + j]));
  return sum;
}

TEST_CASE("directions become orthonormal, dependent ones are left out") {
  std::vector<double> vectors = doubles(3 * kCols, 1);
  for (std::uint64_t i = 0; i < kCols; ++i) vectors.push_back(2 * vectors[i] - 1e3 * vectors[kCols + i]);
  vectors.resize(5 * kCols, 0.0);
  const Projection p = orthogonal_projection(vectors, 5, kCols);
  CHECK(p.count == 3);
  CHECK(p.duals == p.directions);
  for (std::uint64_t a = 0; a < 3; ++a)
    for (std::uint64_t b = 0; b < 3; ++b)
      CHECK(dot(&p.directions[a * kCols], &p.directions[b * kCols], kCols) ==
            doctest::Approx(a == b ? 1 : 0).epsilon(1e-12));
  // Every given vector lies in the span.
  for (std::uint64_t v = 0; v < 4; ++v) {
    double inside = 0;
    for (std::uint64_t k = 0; k < 3; ++k)
      inside += std::pow(dot(&vectors[v * kCols], &p.directions[k * kCols], kCols), 2);
    CHECK(inside == doctest::Approx(dot(&vectors[v * kCols], &vectors[v * kCols], kCols)));
  }
}

TEST_CASE("more vectors than their length, and lengths that overflow when squared") {
  CHECK(orthogonal_projection(doubles(std::uint64_t{20} * 4, 2), 20, 4).count == 4);
  const Projection p = orthogonal_projection({3e300, 4e300, 1e-300, 0}, 2, 2);
  CHECK(p.count == 2);
}

TEST_CASE("the response is gone, on either side, and what is orthogonal to it stays") {
  const std::vector<float> w = random_values(kRows * kCols, 3);
  const MatrixView view{w, kRows, kCols};
  for (const unsigned axis : {0U, 1U}) {
    const std::uint64_t side = axis == 1 ? kCols : kRows;
    const Projection p = orthogonal_projection(doubles(2 * side, 4), 2, side);
    const double before = response(view, p, axis);
    CHECK(before > 0.1);
    const std::vector<float> gone = projected(view, p, axis, -1);
    CHECK(response({gone, kRows, kCols}, p, axis) < 1e-6 * before);
    const std::vector<float> less = projected(view, p, axis, -0.25);
    CHECK(response({less, kRows, kCols}, p, axis) == doctest::Approx(0.75 * before).epsilon(1e-6));
    // Pythagoras: W' and W - W' are orthogonal.
    CHECK(squared_norm(gone) + squared_distance(w, gone) == doctest::Approx(squared_norm(w)).epsilon(1e-6));
  }
}

TEST_CASE("adding s / (1 - s) undoes taking s out") {
  const std::vector<float> w = random_values(kRows * kCols, 5);
  const Projection p = orthogonal_projection(doubles(kCols, 6), 1, kCols);
  const std::vector<float> less = projected({w, kRows, kCols}, p, 1, -0.75);
  const std::vector<float> back = projected({less, kRows, kCols}, p, 1, 0.75 / 0.25);
  for (std::size_t i = 0; i < w.size(); ++i) CHECK(back[i] == doctest::Approx(w[i]).epsilon(1e-5));
}

TEST_CASE("a product is projected in one factor alone") {
  LowRank f{kRows, kCols, 3, random_values(kRows * 3, 7), random_values(3 * kCols, 8)};
  const std::vector<float> w = product(f);
  for (const unsigned axis : {0u, 1u}) {
    const std::uint64_t side = axis == 1 ? kCols : kRows;
    const Projection p = orthogonal_projection(doubles(2 * side, 9), 2, side);
    LowRank g = f;
    if (axis == 1)
      g.right = projected({f.right, 3, kCols}, p, 1, -0.5);
    else
      g.left = projected({f.left, kRows, 3}, p, 0, -0.5);
    const std::vector<float> dense = projected({w, kRows, kCols}, p, axis, -0.5), factored = product(g);
    CHECK(squared_distance(dense, factored) < 1e-10 * squared_norm(w));
  }
}

TEST_CASE("values of float64 are not rounded to float32") {
  std::vector<double> w = doubles(kRows * kCols, 30);
  for (double& value : w) value += 1e-10 * value * value;  // no float32
  for (const unsigned axis : {0u, 1u}) {
    const std::uint64_t side = axis == 1 ? kCols : kRows, others = kRows * kCols / side;
    const Projection p = orthogonal_projection(doubles(2 * side, 31), 2, side);
    const std::vector<double> v = projected(w, kRows, kCols, p, axis, -1);
    const std::vector<double> back = projected(w, kRows, kCols, p, axis, 0);
    CHECK(back == w);
    for (std::uint64_t k = 0; k < p.count; ++k)
      for (std::uint64_t o = 0; o < others; ++o) {
        double along = 0, step = 0;
        for (std::uint64_t i = 0; i < side; ++i) {
          const std::uint64_t at = axis == 1 ? o * kCols + i : i * kCols + o;
          along += p.directions[k * side + i] * v[at];
          step += p.directions[k * side + i] * (v[at] - w[at]);
        }
        CHECK(std::abs(along) < 1e-14);
        CHECK(std::abs(step) > 1e-12);  // there was something to take out
      }
  }
  CHECK_THROWS_AS(projected(w, kRows, kCols, orthogonal_projection({1, 2}, 1, 2), 1, -1), tt::base::Error);
}

TEST_CASE("in a metric the collateral is the least that any matrix without the response can have") {
  constexpr std::uint64_t kSamples = 40;
  const std::vector<float> w = random_values(kRows * kCols, 10);
  std::vector<float> x = random_values(kSamples * kCols, 11);
  for (std::uint64_t s = 0; s < kSamples; ++s) x[s * kCols + 1] += 3 * x[s * kCols];
  const Metric metric = metric_of(x, kSamples, kCols);
  const Projection plain = orthogonal_projection(doubles(2 * kCols, 12), 2, kCols);
  const Projection best = projection_in(plain, metric);
  const MatrixView view{w, kRows, kCols};
  const std::vector<float> v = projected(view, best, 1, -1);
  CHECK(response({v, kRows, kCols}, plain, 1) < 1e-5 * response(view, plain, 1));
  const double least = collateral(v, w, metric);
  CHECK(least < 0.8 * collateral(projected(view, plain, 1, -1), w, metric));
  // Any step within the constraint: a random matrix whose own response was taken out.
  for (unsigned seed = 20; seed < 30; ++seed) {
    const std::vector<float> noise = random_values(kRows * kCols, seed, 0.05F);
    const std::vector<float> step = projected({noise, kRows, kCols}, plain, 1, -1);
    for (const float sign : {-1.0F, 1.0F}) {
      std::vector<float> other = v;
      for (std::size_t i = 0; i < v.size(); ++i) other[i] += sign * step[i];
      CHECK(collateral(other, w, metric) > least);
    }
  }
}

TEST_CASE("a numerical minimiser ends where the closed form is") {
  constexpr std::uint64_t kSamples = 60;
  const std::vector<float> w = random_values(kCols, 13), x = random_values(kSamples * kCols, 14);
  const Metric metric = metric_of(x, kSamples, kCols);
  const Projection plain = orthogonal_projection(doubles(kCols, 15), 1, kCols);
  const std::vector<float> closed = projected({w, 1, kCols}, projection_in(plain, metric, 0), 1, -1);
  // Gradient descent on V with the gradient's component along the direction taken out.
  std::vector<double> v(kCols), gradient(kCols);
  const std::vector<float> begin = projected({w, 1, kCols}, plain, 1, -1);
  std::copy(begin.begin(), begin.end(), v.begin());
  double trace = 0;
  for (std::uint64_t i = 0; i < kCols; ++i) trace += metric.values[i * kCols + i];
  for (int step = 0; step < 20000; ++step) {
    for (std::uint64_t i = 0; i < kCols; ++i) {
      gradient[i] = 0;
      for (std::uint64_t j = 0; j < kCols; ++j)
        gradient[i] += metric.values[i * kCols + j] * (v[j] - static_cast<double>(w[j]));
    }
    const double along = dot(gradient.data(), plain.directions.data(), kCols);
    for (std::uint64_t i = 0; i < kCols; ++i) v[i] -= (gradient[i] - along * plain.directions[i]) / trace;
  }
  for (std::uint64_t i = 0; i < kCols; ++i)
    CHECK(v[i] == doctest::Approx(static_cast<double>(closed[i])).epsilon(1e-4));
}

TEST_CASE("metrics that are diagonal, identity or zero") {
  const Projection plain = orthogonal_projection(doubles(kCols, 16), 1, kCols);
  CHECK(projection_in(plain, {Metric::Kind::identity, 1, kCols, 1, {}}).duals == plain.duals);
  CHECK(projection_in(plain, {Metric::Kind::diagonal, 1, kCols, 1, std::vector<double>(kCols)}).duals ==
        plain.duals);
  Metric diagonal{Metric::Kind::diagonal, 1, kCols, 1, {}}, full{Metric::Kind::full, 1, kCols, 1, {}};
  full.values.resize(kCols * kCols);
  for (std::uint64_t i = 0; i < kCols; ++i) {
    diagonal.values.push_back(static_cast<double>(i + 1));
    full.values[i * kCols + i] = static_cast<double>(i + 1);
  }
  CHECK(projection_in(plain, diagonal).duals == projection_in(plain, full).duals);
}

TEST_CASE("what cannot be projected is refused") {
  using tt::base::Error;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH_AS(orthogonal_projection({}, 0, 3), "there is no direction to project on", Error);
  CHECK_THROWS_WITH_AS(orthogonal_projection({0, 0}, 1, 2), "all directions are zero", Error);
  CHECK_THROWS_WITH_AS(orthogonal_projection({1, nan}, 1, 2), "a direction holds values that are not finite",
                       Error);
  const Projection p = orthogonal_projection({1, 2, 3}, 1, 3);
  const std::vector<float> w(12, 1.0F), huge(12, 3e38F);
  CHECK_THROWS_WITH_AS(projected({w, 3, 4}, p, 1, -1), "directions of length 3 do not fit a side of 4",
                       Error);
  CHECK_THROWS_WITH_AS(projected({huge, 4, 3}, p, 1, 9),
                       "a projected matrix holds values that are not finite", Error);
  CHECK_THROWS_WITH_AS(projection_in(p, {Metric::Kind::identity, 1, 4, 1, {}}),
                       "a metric of 4 inputs does not fit directions of length 3", Error);
  CHECK_THROWS_WITH_AS(projection_in(p, {Metric::Kind::diagonal, 1, 3, 1, {1, nan, 1}}),
                       "a metric holds values that are not finite", Error);
  CHECK_THROWS_WITH_AS(projection_in(p, {Metric::Kind::diagonal, 1, 3, 1, {1, -1, 1}}),
                       "a metric is not positive definite", Error);
}

}  // namespace
