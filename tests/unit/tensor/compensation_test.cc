#include "tensor/compensation.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "random_values.h"

namespace {

using namespace tt::tensor;

constexpr std::uint64_t kInputs = 5, kOutputs = 3, kRows = 600;

std::vector<float> transposed(const std::vector<float>& values, std::uint64_t rows, std::uint64_t cols) {
  std::vector<float> result(values.size());
  for (std::uint64_t i = 0; i < rows; ++i)
    for (std::uint64_t j = 0; j < cols; ++j) result[j * rows + i] = values[i * cols + j];
  return result;
}

// sum ||W x - V y||^2.
double lost(const std::vector<float>& w, const std::vector<float>& v, const std::vector<float>& x,
            const std::vector<float>& y) {
  double sum = 0;
  for (std::uint64_t row = 0; row < kRows; ++row)
    for (std::uint64_t o = 0; o < kOutputs; ++o) {
      double d = 0;
      for (std::uint64_t i = 0; i < kInputs; ++i)
        d += static_cast<double>(w[o * kInputs + i]) * static_cast<double>(x[row * kInputs + i]) -
             static_cast<double>(v[o * kInputs + i]) * static_cast<double>(y[row * kInputs + i]);
      sum += d * d;
    }
  return sum;
}

struct Case {
  std::vector<float> w = random_values(kOutputs * kInputs, 1), x = random_values(kRows * kInputs, 2), y = x;
  InputDrift drift{kInputs};

  // y = 0.7 x, its first input mixed into the second, and noise.
  Case() {
    const std::vector<float> noise = random_values(y.size(), 3, 0.1F);
    for (std::uint64_t i = 0; i < y.size(); ++i) y[i] = 0.7F * x[i] + noise[i];
    for (std::uint64_t row = 0; row < kRows; ++row) y[row * kInputs + 1] += 0.3F * x[row * kInputs];
    drift.add(x, y);
  }
};

TEST_CASE("the compensated weight is the least squares solution") {
  const Case c;
  CHECK(c.drift.rows == kRows);
  const std::vector<float> best = compensated({c.w, kOutputs, kInputs}, compensation_of(c.drift, 0, 1), 1);
  const double least = lost(c.w, best, c.x, c.y);
  CHECK(least < 0.3 * lost(c.w, c.w, c.x, c.y));
  for (std::size_t i = 0; i < best.size(); ++i)
    for (const float step : {-0.01F, 0.01F}) {
      std::vector<float> other = best;
      other[i] += step;
      CHECK(lost(c.w, other, c.x, c.y) > least);
    }
}

TEST_CASE("strength is the way from the weight to the solution") {
  const Case c;
  const MatrixView view{c.w, kOutputs, kInputs};
  const std::vector<float> half = compensated(view, compensation_of(c.drift, 0.1, 0.5), 1);
  const std::vector<float> whole = compensated(view, compensation_of(c.drift, 0.1, 1), 1);
  for (std::size_t i = 0; i < half.size(); ++i)
    CHECK(half[i] == doctest::Approx((c.w[i] + whole[i]) / 2).epsilon(1e-5));
}

TEST_CASE("a weight that is stored in x out is moved alike") {
  const Case c;
  const std::vector<double> m = compensation_of(c.drift, 0.01, 1);
  const std::vector<float> across = transposed(c.w, kOutputs, kInputs);
  const std::vector<float> one = compensated({c.w, kOutputs, kInputs}, m, 1);
  const std::vector<float> other = compensated({across, kInputs, kOutputs}, m, 0);
  const std::vector<float> back = transposed(other, kInputs, kOutputs);
  for (std::size_t i = 0; i < one.size(); ++i) CHECK(one[i] == doctest::Approx(back[i]).epsilon(1e-6));
}

TEST_CASE("a ridge holds the weight where it is") {
  const Case c;
  const std::vector<float> held = compensated({c.w, kOutputs, kInputs}, compensation_of(c.drift, 1e9, 1), 1);
  for (std::size_t i = 0; i < held.size(); ++i) CHECK(held[i] == doctest::Approx(c.w[i]).epsilon(1e-6));
}

TEST_CASE("rows may come in any pieces") {
  const Case c;
  InputDrift pieces(kInputs);
  for (const auto& [first, count] : {std::pair<std::size_t, std::size_t>{0, 7}, {7, 593}})
    pieces.add(std::span(c.x).subspan(first * kInputs, count * kInputs),
               std::span(c.y).subspan(first * kInputs, count * kInputs));
  CHECK(pieces.rows == kRows);
  for (std::size_t i = 0; i < pieces.cross.size(); ++i)
    CHECK(pieces.cross[i] == doctest::Approx(c.drift.cross[i]).epsilon(1e-9));
}

TEST_CASE("where nothing is lost or known there is no compensation") {
  const Case c;
  InputDrift same(kInputs), zero(kInputs), huge(kInputs);
  same.add(c.x, c.x);
  CHECK(compensation_of(same, 0.01, 1).empty());
  CHECK(compensation_of(zero, 0.01, 1).empty());
  huge.add(c.x, c.y);
  huge.gram[0] = std::numeric_limits<double>::infinity();
  CHECK(compensation_of(huge, 0.01, 1).empty());
  CHECK(compensated({c.w, kOutputs, kInputs}, std::vector<double>(9, 0.5), 1).empty());
  CHECK(compensated({c.w, kOutputs, kInputs}, std::vector<double>(25, 1e39), 1).empty());
}

}  // namespace
