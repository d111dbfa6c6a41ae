#include "runtime/output_error.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "support.h"
#include "tensor/random.h"

namespace tt::runtime {
namespace {

using base::ErrorKind;
using doctest::Approx;
using test::floats;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Array doubles(const tensor::Shape& shape, const std::vector<double>& values) {
  return from_doubles(values, shape, ElementType::f64, "test");
}

OutputMetrics compare(const Array& original, const Array& candidate,
                      const std::vector<std::uint8_t>& keep = {}) {
  OutputError error("y");
  error.add(original, candidate, keep);
  return error.result();
}

std::vector<double> noise(std::size_t count, std::uint64_t seed, double shift = 0) {
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = shift + tensor::random_uniform(seed, i);
  return values;
}

void check_same(const OutputMetrics& a, const OutputMetrics& b) {
  CHECK(a.values == b.values);
  CHECK(a.mse == b.mse);
  CHECK(a.mae == b.mae);
  CHECK(a.max_abs_error == b.max_abs_error);
  CHECK(a.relative_error == b.relative_error);
  CHECK(a.pearson == b.pearson);
  CHECK(a.cosine_mean == b.cosine_mean);
  CHECK(a.cosine_min == b.cosine_min);
}

TEST_CASE("the figures of a small output") {
  const OutputMetrics metrics = compare(floats({2, 2}, {1, 2, 3, 4}), floats({2, 2}, {1, 2, 3, 6}));
  CHECK(metrics.name == "y");
  CHECK(metrics.values == 4);
  CHECK(metrics.non_finite == 0);
  CHECK(metrics.mse == 1);
  CHECK(metrics.mae == 0.5);
  CHECK(metrics.max_abs_error == 2);
  CHECK(metrics.relative_error == Approx(2 / std::sqrt(30.0)).epsilon(1e-14));
  CHECK(metrics.pearson == Approx(8 / std::sqrt(5.0 * 14)).epsilon(1e-14));
  CHECK(metrics.cosine_min == Approx((9 + 24) / (5 * std::sqrt(45.0))).epsilon(1e-14));
  CHECK(metrics.cosine_mean == Approx((1 + metrics.cosine_min) / 2).epsilon(1e-14));
}

TEST_CASE("the same output has no error at all") {
  const Array array = floats({7, 3, 11}, noise(231, 1));
  check_same(compare(array, array), OutputMetrics{"y", 231, 0, 0, 0, 0, 0, 1, 1, 1});
}

TEST_CASE("zeros and constants") {
  const Array zero = floats({2, 2}, {0, 0, 0, 0}), some = floats({2, 2}, {0, 0, 3, 4});
  CHECK(compare(zero, zero).relative_error == 0);
  CHECK(compare(zero, zero).cosine_min == 1);
  CHECK(compare(zero, some).relative_error == kInfinity);
  CHECK(compare(zero, some).cosine_min == 0);
  CHECK(compare(zero, some).cosine_mean == 0.5);
  CHECK(compare(zero, some).pearson == 0);
  CHECK(compare(some, zero).relative_error == 1);
  CHECK(compare(some, zero).pearson == 0);
  const Array tenth = floats({3, 1}, {0.1, 0.1, 0.1}), other = floats({3, 1}, {0.2, 0.2, 0.2});
  CHECK(compare(tenth, other).pearson == 0);
  CHECK(compare(tenth, tenth).pearson == 1);
}

TEST_CASE("figures agree with plain sums of long double") {
  const std::size_t count = 30000;
  const std::vector<double> x = noise(count, 3, 1000), change = noise(count, 4);
  std::vector<double> y(count);
  for (std::size_t i = 0; i < count; ++i) y[i] = x[i] + 0.01 * change[i];
  long double error = 0, norm = 0, mean_x = 0, mean_y = 0, xx = 0, yy = 0, xy = 0, absolute = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const long double e = static_cast<long double>(x[i]) - y[i];
    error += e * e, absolute += std::abs(e), norm += static_cast<long double>(x[i]) * x[i];
    mean_x += x[i] / static_cast<long double>(count), mean_y += y[i] / static_cast<long double>(count);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const long double a = x[i] - mean_x, b = y[i] - mean_y;
    xx += a * a, yy += b * b, xy += a * b;
  }
  const OutputMetrics metrics = compare(doubles({300, 100}, x), doubles({300, 100}, y));
  CHECK(metrics.mse == Approx(static_cast<double>(error / count)).epsilon(1e-12));
  CHECK(metrics.mae == Approx(static_cast<double>(absolute / count)).epsilon(1e-12));
  CHECK(metrics.relative_error == Approx(static_cast<double>(std::sqrt(error / norm))).epsilon(1e-12));
  CHECK(metrics.pearson == Approx(static_cast<double>(xy / std::sqrt(xx * yy))).epsilon(1e-12));
}

TEST_CASE("a large common value does not spoil the correlation") {
  const std::vector<double> base = noise(5000, 5);
  std::vector<double> x(base), y(base);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = 1e6 + x[i], y[i] = -1e6 + 2 * y[i] + 1e-3 * (i % 2 == 0);
  const double shifted = compare(doubles({5000, 1}, x), doubles({5000, 1}, y)).pearson;
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = base[i], y[i] = 2 * base[i] + 1e-3 * (i % 2 == 0);
  CHECK(shifted == Approx(compare(doubles({5000, 1}, x), doubles({5000, 1}, y)).pearson).epsilon(1e-9));
}

TEST_CASE("batches do not change a bit") {
  const tensor::Shape sample = {6, 5};
  const std::uint64_t samples = 400, size = 30;
  const std::vector<double> x = noise(samples * size, 6), y = noise(samples * size, 7);
  const OutputMetrics whole = compare(floats({samples, 6, 5}, x), floats({samples, 6, 5}, y));
  for (const std::uint64_t batch : {std::uint64_t{1}, std::uint64_t{7}, std::uint64_t{399}}) {
    OutputError error("y");
    for (std::uint64_t begin = 0; begin < samples; begin += batch) {
      const std::uint64_t end = std::min(begin + batch, samples);
      const auto part = [&](const std::vector<double>& values) {
        return floats({end - begin, 6, 5}, {values.begin() + static_cast<std::ptrdiff_t>(begin * size),
                                            values.begin() + static_cast<std::ptrdiff_t>(end * size)});
      };
      error.add(part(x), part(y));
    }
    check_same(error.result(), whole);
  }
}

TEST_CASE("a row is the last axis, or the sample if that is 1") {
  const std::vector<double> x = {1, 0, 0, 1}, y = {0, 1, 0, 1};
  CHECK(compare(floats({2, 2}, x), floats({2, 2}, y)).cosine_mean == 0.5);
  CHECK(compare(floats({1, 4, 1, 1}, x), floats({1, 4, 1, 1}, y)).cosine_mean == Approx(0.5));
  CHECK(compare(floats({4}, x), floats({4}, y)).cosine_mean == 0.5);  // 0, 0, 1, 1
  CHECK(compare(floats({}, {2}), floats({}, {-2})).cosine_mean == -1);
}

TEST_CASE("what the mask leaves out does not count") {
  const std::vector<double> x = {1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<double> y = {1, 2, 9, 9, 5, 6, NAN, 8};
  const std::vector<std::uint8_t> keep = {1, 0, 1, 0};
  const OutputMetrics metrics = compare(floats({2, 2, 2}, x), floats({2, 2, 2}, y), keep);
  check_same(metrics, OutputMetrics{"y", 4, 0, 0, 0, 0, 0, 1, 1, 1});
  // One flag a sample, one a value.
  CHECK(compare(floats({2, 2, 2}, x), floats({2, 2, 2}, y), {0, 1}).non_finite == 1);
  CHECK(compare(floats({2, 2, 2}, x), floats({2, 2, 2}, y), {1, 1, 0, 0, 1, 1, 0, 1}).mse == 0);
  CHECK(compare(floats({2, 4, 1}, x), floats({2, 4, 1}, y), {1, 1, 0, 0, 1, 1, 0, 1}).cosine_min == 1);
}

TEST_CASE("a candidate that is not finite has no figures") {
  for (const double bad : {double(NAN), kInfinity, -kInfinity}) {
    const OutputMetrics metrics =
        compare(floats({3, 2}, {1, 2, 3, 4, 5, 6}), floats({3, 2}, {1, bad, 3, 4, bad, 6}));
    CHECK(metrics.non_finite == 2);
    CHECK(metrics.values == 6);
    for (const double figure : {metrics.mse, metrics.mae, metrics.max_abs_error, metrics.relative_error,
                                metrics.pearson, metrics.cosine_mean, metrics.cosine_min})
      CHECK(std::isnan(figure));
  }
}

TEST_CASE("values that overflow when squared give no good figure") {
  const OutputMetrics metrics = compare(doubles({1, 2}, {1e200, 1}), doubles({1, 2}, {-1e200, 1}));
  CHECK(metrics.max_abs_error == 2e200);
  CHECK_FALSE(metrics.relative_error < 1);
  CHECK_FALSE(metrics.cosine_min > -1);
  CHECK_FALSE(metrics.pearson > -1);
}

TEST_CASE("what cannot be compared is refused") {
  const auto kind = [](const Array& original, const Array& candidate, const std::vector<std::uint8_t>& keep,
                       const std::string& part) {
    return test::error_kind([&] { compare(original, candidate, keep); }, part);
  };
  const Array array = floats({2, 2}, {1, 2, 3, 4});
  CHECK(kind(array, floats({4}, {1, 2, 3, 4}), {}, "shape 4 where the original has 2x2") ==
        ErrorKind::bad_data);
  CHECK(kind(floats({2, 2}, {1, NAN, 3, 4}), array, {}, "original is not finite") == ErrorKind::bad_data);
  CHECK(kind(floats({2, 2}, {1, kInfinity, 3, 4}), array, {}, "original is not finite") ==
        ErrorKind::bad_data);
  CHECK(kind(array, array, {1, 0, 1}, "4 values, the mask has 3") == ErrorKind::bad_data);
  CHECK(kind(array, array, {0, 0}, "nothing of output 'y'") == ErrorKind::bad_data);
  CHECK(kind(floats({0, 2}, {}), floats({0, 2}, {}), {}, "nothing of output 'y'") == ErrorKind::bad_data);
  CHECK(test::error_kind([] { OutputError("z").result(); }, "nothing of output 'z'") == ErrorKind::bad_data);
}

}  // namespace
}  // namespace tt::runtime
