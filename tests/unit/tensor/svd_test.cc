#include "tensor/svd.h"

#include <doctest/doctest.h>

#include <cmath>
#include <thread>

#include "base/error.h"
#include "random_values.h"
#include "tensor/block_krylov.h"
#include "tensor/partial_eigen.h"
#include "tensor/product.h"
#include "tensor/random.h"

using namespace tt;
using tt::tensor::SvdMethod;

namespace {

constexpr SvdMethod kMethods[] = {SvdMethod::full, SvdMethod::truncated, SvdMethod::randomized};

std::vector<float> rebuilt(const tensor::Svd& f) {
  std::vector<float> scaled = f.u, out(f.rows * f.cols);
  for (std::uint64_t i = 0; i < f.rows; ++i) {
    for (std::uint64_t k = 0; k < f.rank; ++k)
      scaled[i * f.rank + k] = static_cast<float>(scaled[i * f.rank + k] * f.sigma[k]);
  }
  tensor::fixed_order_product(scaled, f.v, f.rows, f.rank, f.cols, out);
  return out;
}

// Largest deviation of the scalar products from the unit matrix; vector k has entries at [k * step + i *
// stride].
double off_orthonormal(const std::vector<float>& values, std::uint64_t k, std::uint64_t n, std::uint64_t step,
                       std::uint64_t stride) {
  double worst = 0;
  for (std::uint64_t a = 0; a < k; ++a) {
    for (std::uint64_t b = 0; b <= a; ++b) {
      double dot = 0;
      for (std::uint64_t i = 0; i < n; ++i)
        dot += static_cast<double>(values[a * step + i * stride]) * values[b * step + i * stride];
      worst = std::max(worst, std::abs(dot - (a == b ? 1 : 0)));
    }
  }
  return worst;
}

void check_contract(const std::vector<float>& values, std::uint64_t rows, std::uint64_t cols,
                    const tensor::SvdOptions& options) {
  const tensor::Svd f = tensor::svd({values, rows, cols}, options);
  CAPTURE(rows);
  CAPTURE(cols);
  CAPTURE(tensor::svd_method_name(options.method));
  CAPTURE(options.tolerance);
  CAPTURE(options.max_rank);
  CAPTURE(f.rank);
  const std::uint64_t d = std::min(rows, cols),
                      cap = options.max_rank == 0 ? d : std::min(options.max_rank, d);
  REQUIRE(f.rank <= cap);
  if (options.tolerance == 0) REQUIRE(f.rank == cap);
  REQUIRE(f.u.size() == rows * f.rank);
  REQUIRE(f.v.size() == cols * f.rank);
  REQUIRE(f.sigma.size() == f.rank);
  CHECK(off_orthonormal(f.u, f.rank, rows, 1, f.rank) < 3e-6);
  CHECK(off_orthonormal(f.v, f.rank, cols, cols, 1) < 3e-6);
  CHECK(std::is_sorted(f.sigma.rbegin(), f.sigma.rend()));
  const double measured = std::sqrt(tensor::squared_distance(values, rebuilt(f)));
  CHECK(std::abs(measured - f.error) <= 5e-6 * f.norm);
  if (options.tolerance > 0 && f.rank < cap)
    CHECK(f.relative_error() <= options.tolerance * (1 + 1e-9) + 3e-8);
  if (options.tolerance > 0 && f.rank > 0 && f.method != SvdMethod::randomized) {
    // One component less would miss it.
    const double without = std::sqrt(f.error * f.error + f.sigma.back() * f.sigma.back());
    CHECK(without >= options.tolerance * f.norm * (1 - 1e-6) - 3e-8 * f.norm);
  }
}

}  // namespace

TEST_CASE("all methods keep the contract on a thousand shapes, degenerate ones among them") {
  constexpr std::uint64_t kShapes = 1000;
  for (std::uint64_t i = 0; i < kShapes; ++i) {
    const auto pick = [i](std::uint64_t what, std::uint64_t below) {
      return tensor::random_bits(what, i) % below;
    };
    const std::uint64_t rows = 1 + pick(1, i % 10 == 0 ? 150 : 24), cols = 1 + pick(2, i % 7 == 0 ? 200 : 24);
    const auto seed = static_cast<unsigned>(i);
    std::vector<float> values = random_values(rows * cols, seed);
    if (i % 4 == 1) values = low_rank_values(rows, cols, 1 + pick(3, 4), i % 8 == 1 ? 0.0f : 0.01f, seed);
    if (i % 50 == 2) values.assign(values.size(), i % 100 == 2 ? 0.0f : -2.5f);
    if (i % 50 == 3) values = random_values(rows * cols, seed, i % 100 == 3 ? 1e36f : 1e-25f);
    constexpr double kTolerances[] = {0, 0.5, 0.1, 2.5e-3, 1e-3, 1e-5, 1.5};
    const tensor::SvdOptions options{.method = kMethods[i % 3],
                                     .max_rank = pick(4, 2) == 0 ? 0 : 1 + pick(5, 30),
                                     .tolerance = kTolerances[pick(6, 7)],
                                     .seed = i};
    check_contract(values, rows, cols, options);
  }
}

// The certificate is the root of a difference of energies: rounding by 1e-16 of the whole is 1e-16 / e^2 of a
// relative error e. Errors from 0.1 on let `truncated` work in float32.
TEST_CASE("every method finds the optimal error, to the rounding of its arithmetic") {
  const std::uint64_t rows = 220, cols = 300;
  for (const float noise : {0.3f, 0.03f, 3e-3f, 1e-3f, 1e-4f}) {
    const std::vector<float> values = low_rank_values(rows, cols, 20, noise, 4);
    const tensor::MatrixView view{values, rows, cols};
    const tensor::Spectrum spectrum = tensor::spectrum(view);
    for (const std::uint64_t rank : {12u, 20u}) {
      const double optimal = std::sqrt(spectrum.tail(rank)), share = spectrum.tail(rank) / spectrum.total;
      for (const SvdMethod method : kMethods) {
        CAPTURE(tensor::svd_method_name(method));
        CAPTURE(share);
        const tensor::Svd f = tensor::svd(view, {.method = method, .max_rank = rank});
        CHECK(f.method == method);
        CHECK(f.failures.empty());
        const bool single = method == SvdMethod::truncated && share >= 0.01;
        const double near = single ? 1e-6 : method == SvdMethod::randomized ? 1e-9 : 0.0;
        CHECK(std::abs(f.error / optimal - 1) <= near + 4e-15 / share);
      }
    }
  }
}

TEST_CASE("the tolerance gives the same rank in every arithmetic, whichever side is smaller") {
  for (const std::uint64_t rows : {90u, 200u}) {
    const std::uint64_t cols = 290 - rows;
    std::vector<float> values = random_values(rows * cols, 8);
    for (std::uint64_t i = 0; i < values.size(); ++i)
      values[i] *= static_cast<float>(std::exp(-0.03 * static_cast<double>(i / cols)));
    const tensor::MatrixView view{values, rows, cols};
    for (const double tolerance : {0.9, 0.5, 0.1, 0.03, 5e-3, 2e-3, 1e-3}) {
      const std::uint64_t expected = tensor::spectrum(view).rank_for(tolerance);
      CHECK(tensor::svd(view, {.tolerance = tolerance}).rank == expected);
      CHECK(tensor::svd(view, {.method = SvdMethod::full, .tolerance = tolerance}).rank == expected);
      const std::uint64_t random =
          tensor::svd(view, {.method = SvdMethod::randomized, .tolerance = tolerance}).rank;
      CHECK(random >= expected);
      CHECK(random <= expected + 1 + expected / 100);
    }
  }
}

TEST_CASE("invariances: transposition, scale by a power of two, order of the rows") {
  const std::uint64_t rows = 20, cols = 33;
  const std::vector<float> values = random_values(rows * cols, 15);
  std::vector<float> transposed(values.size()), scaled(values), reversed(values);
  for (std::uint64_t i = 0; i < rows; ++i) {
    for (std::uint64_t j = 0; j < cols; ++j) transposed[j * rows + i] = values[i * cols + j];
    std::copy(&values[i * cols], &values[i * cols] + cols, &reversed[(rows - 1 - i) * cols]);
  }
  for (float& value : scaled) value *= 1024;
  for (const SvdMethod method : kMethods) {
    const tensor::SvdOptions options{.method = method, .max_rank = 4};
    const tensor::Svd f = tensor::svd({values, rows, cols}, options),
                      t = tensor::svd({transposed, cols, rows}, options),
                      s = tensor::svd({scaled, rows, cols}, options),
                      r = tensor::svd({reversed, rows, cols}, options);
    for (std::uint64_t k = 0; k < 4; ++k) {
      CHECK(t.sigma[k] == doctest::Approx(f.sigma[k]).epsilon(1e-6));
      CHECK(s.sigma[k] == doctest::Approx(f.sigma[k] * 1024).epsilon(1e-9));
      CHECK(r.sigma[k] == doctest::Approx(f.sigma[k]).epsilon(1e-6));
    }
    CHECK(s.relative_error() == doctest::Approx(f.relative_error()));
  }
}

TEST_CASE("the same seed gives the same bits in every thread, another seed other ones") {
  const std::uint64_t rows = 150, cols = 170;
  const std::vector<float> values = random_values(rows * cols, 2);
  const tensor::SvdOptions options{.method = SvdMethod::randomized, .max_rank = 8, .seed = 5};
  const tensor::Svd here = tensor::svd({values, rows, cols}, options);
  tensor::Svd there[3];
  std::vector<std::thread> threads;
  for (tensor::Svd& result : there)
    threads.emplace_back([&] { result = tensor::svd({values, rows, cols}, options); });
  for (std::thread& thread : threads) thread.join();
  for (const tensor::Svd& result : there) {
    CHECK(result.u == here.u);
    CHECK(result.v == here.v);
    CHECK(result.error == here.error);
  }
  CHECK(tensor::svd({values, rows, cols}, {SvdMethod::randomized, 8, 0, 6}).u != here.u);
  CHECK(tensor::random_bits(0, 0) == 0xe220a8397b1dcdafu);  // of the reference implementation
  CHECK(tensor::random_bits(0, 1) == 0x6e789e6aa1b965f4u);
}

TEST_CASE("randomized says when it is not the method that gave the result") {
  const std::vector<float> values = random_values(30 * 40, 3);
  const tensor::Svd f = tensor::svd({values, 30, 40}, {.method = SvdMethod::randomized, .max_rank = 25});
  CHECK(f.method == SvdMethod::truncated);
  REQUIRE(f.failures.size() == 1);
  CHECK(f.failures[0].method == SvdMethod::randomized);
}

TEST_CASE("a failure is repeated with half the rank, then with another method, and reported") {
  const std::vector<float> values = random_values(30 * 40, 3);
  const tensor::MatrixView view{values, 30, 40};
  int calls = 0;
  const auto fails = [&calls](int times) {
    return [&calls, times](const tensor::MatrixView& a, const tensor::SvdOptions& options) {
      if (calls++ < times) throw base::Error(base::ErrorKind::internal, "injected");
      return tensor::svd(a, options);
    };
  };
  const tensor::Svd half = tensor::svd_with_retries(view, {.max_rank = 9}, fails(1));
  CHECK(half.rank == 4);
  REQUIRE(half.failures.size() == 1);
  CHECK(half.failures[0].max_rank == 9);
  CHECK(half.failures[0].reason.find("injected") != std::string::npos);
  calls = 0;
  const tensor::Svd other = tensor::svd_with_retries(view, {.max_rank = 9}, fails(2));
  CHECK(other.rank == 9);
  CHECK(other.method == SvdMethod::full);
  CHECK(other.failures.size() == 2);
  calls = 0;
  CHECK_THROWS_AS(tensor::svd_with_retries(view, {.max_rank = 9}, fails(99)), base::Error);
  CHECK(calls == 3);
  calls = 0;
  CHECK(tensor::svd_with_retries(view, {.tolerance = 0.1}, fails(1)).method == SvdMethod::full);
  CHECK(tensor::svd_with_retries(view, {.max_rank = 3}).failures.empty());
  const std::vector<float> broken(6, std::nanf(""));
  CHECK_THROWS_AS(tensor::svd_with_retries({broken, 2, 3}, {}), base::Error);
}

TEST_CASE("empty, zero and broken input") {
  for (const SvdMethod method : kMethods) {
    CHECK(tensor::svd({{}, 0, 5}, {.method = method}).rank == 0);
    const std::vector<float> zero(12, 0.0f), broken{1, INFINITY, 2, 3};
    CHECK(tensor::svd({zero, 3, 4}, {.method = method, .tolerance = 0.1}).rank == 0);
    CHECK(tensor::svd({zero, 3, 4}, {.method = method, .max_rank = 2}).rank == 2);
    CHECK_THROWS_AS(tensor::svd({broken, 2, 2}, {.method = method, .tolerance = 0.5}), base::Error);
    CHECK_THROWS_AS(tensor::svd({zero, 3, 4}, {.method = method, .tolerance = -1}), base::Error);
    CHECK_THROWS_AS(tensor::svd({zero, 3, 4}, {.method = method, .tolerance = std::nan("")}), base::Error);
  }
}

TEST_CASE("a rank alone gives the optimum, whatever arithmetic what it leaves allows") {
  for (const float noise : {1e-6f, 1e-3f, 5e-3f, 0.05f, 1.0f}) {
    const std::vector<float> values = low_rank_values(60, 90, 6, noise, 4);
    const tensor::MatrixView view{values, 60, 90};
    const double optimal = std::sqrt(tensor::spectrum(view).tail(6));
    for (const SvdMethod method : kMethods) {
      const tensor::Svd f = tensor::svd(view, {.method = method, .max_rank = 6});
      CHECK(f.rank == 6);
      CHECK(f.error <= optimal * (1 + 1e-4) + 1e-7 * f.norm);
      CHECK(std::abs(std::sqrt(tensor::squared_distance(values, rebuilt(f))) - f.error) <= 5e-6 * f.norm);
    }
  }
  CHECK(tensor::svd_method_from_name("randomized") == SvdMethod::randomized);
  CHECK_FALSE(tensor::svd_method_from_name("Full"));
}

TEST_CASE("partial eigenvectors and block krylov agree with the whole decomposition") {
  const std::uint64_t d = 160;
  const std::vector<float> values = low_rank_values(d, 200, 15, 0.2f, 12);
  const std::vector<double> gram = tensor::gram_of({values, d, 200});
  const tensor::Eigen all = tensor::eigen_of(gram, d, true);
  const tensor::PartialEigen exact(gram, d, tensor::Precision::fp64),
      single(gram, d, tensor::Precision::fp32);
  const tensor::Eigen krylov = tensor::block_krylov(gram, d, 10, 1);
  const std::vector<double> vectors = exact.vectors(10), rough = single.vectors(10);
  for (std::uint64_t k = 0; k < 10; ++k) {
    CHECK(exact.values()[k] == doctest::Approx(all.values[k]).epsilon(1e-12));
    CHECK(single.values()[k] == doctest::Approx(all.values[k]).epsilon(1e-5));
    CHECK(krylov.values[k] == doctest::Approx(all.values[k]).epsilon(1e-9));
    const std::vector<double>* const candidates[] = {&vectors, &rough, &krylov.vectors};
    for (const std::vector<double>* candidate : candidates) {
      double dot = 0;
      for (std::uint64_t i = 0; i < d; ++i) dot += (*candidate)[k * d + i] * all.vectors[k * d + i];
      CHECK(std::abs(dot) == doctest::Approx(1).epsilon(1e-5));
    }
  }
  CHECK(exact.vectors(1000).size() == d * d);
  CHECK(exact.vectors(0).empty());
  CHECK_THROWS_AS(tensor::block_krylov(gram, d, 60, 1), base::Error);
}
