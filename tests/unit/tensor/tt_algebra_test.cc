#include "tensor/tt_algebra.h"

#include <doctest/doctest.h>

#include <cmath>

#include "base/error.h"
#include "random_values.h"
#include "tensor/random.h"

using namespace tt;
using Modes = std::vector<std::uint64_t>;

namespace {

tensor::TensorTrain random_train(const Modes& modes, std::uint64_t rank, unsigned seed) {
  tensor::TensorTrain train{modes, Modes(modes.size() + 1, rank), {}};
  train.ranks.front() = train.ranks.back() = 1;
  for (std::size_t k = 0; k < modes.size(); ++k)
    train.cores.push_back(
        random_values(train.ranks[k] * modes[k] * train.ranks[k + 1], seed + static_cast<unsigned>(k)));
  return train;
}

double norm(const std::vector<float>& values) {
  return std::sqrt(tensor::squared_norm(values));
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  return std::sqrt(tensor::squared_distance(a, b));
}

double inner(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

// Product of the norms of the cores: at least the norm of the tensor.
double size_of(const tensor::TensorTrain& train) {
  double size = 1;
  for (const std::vector<float>& core : train.cores) size *= norm(core);
  return size;
}

Modes random_modes(std::uint64_t index) {
  Modes modes(1 + tensor::random_bits(11, index) % 5);
  for (std::size_t k = 0; k < modes.size(); ++k) modes[k] = 1 + tensor::random_bits(12 + k, index) % 6;
  return modes;
}

// Largest deviation of core k from orthogonality, on the left or on the right.
double off_orthogonal(const tensor::TensorTrain& train, std::size_t k, bool left) {
  const std::uint64_t rows = train.ranks[k] * train.modes[k], cols = train.ranks[k + 1];
  const std::uint64_t side = left ? cols : train.ranks[k], length = train.cores[k].size() / side;
  double worst = 0;
  for (std::uint64_t a = 0; a < side; ++a) {
    for (std::uint64_t b = 0; b <= a; ++b) {
      double dot = a == b ? -1 : 0;
      for (std::uint64_t i = 0; i < length; ++i) {
        const auto at = [&](std::uint64_t v) {
          return static_cast<double>(train.cores[k][left ? i * cols + v : v * length + i]);
        };
        dot += at(a) * at(b);
      }
      worst = std::max(worst, std::abs(dot));
    }
  }
  CHECK(rows * cols == train.cores[k].size());
  return worst;
}

}  // namespace

TEST_CASE("a thousand random trains: sums, inner products, norms, orthogonal cores, rounding") {
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const Modes modes = random_modes(i);
    const auto seed = static_cast<unsigned>(1000 + 20 * i);
    tensor::TensorTrain a = random_train(modes, 1 + i % 4, seed),
                        b = random_train(modes, 1 + i % 3, seed + 10);
    if (i % 40 == 7) a.cores[i % modes.size()].assign(a.cores[i % modes.size()].size(), 0.0f);
    const std::vector<float> full_a = tensor::tt_full(a), full_b = tensor::tt_full(b);
    const double norm_a = norm(full_a), norm_b = norm(full_b);
    // What float32 may lose in forming the whole tensor where large terms cancel.
    const double slack_a = 2e-6 * norm_a + 2e-7 * size_of(a), slack_b = 2e-6 * norm_b + 2e-7 * size_of(b);
    CAPTURE(i);
    REQUIRE(std::abs(tensor::tt_norm(a) - norm_a) <= slack_a);
    REQUIRE(std::abs(tensor::tt_inner(a, b) - inner(full_a, full_b)) <= slack_a * norm_b + slack_b * norm_a);
    std::vector<float> sum = full_a;
    for (std::size_t j = 0; j < sum.size(); ++j) sum[j] += full_b[j];
    const tensor::TensorTrain added = tensor::tt_add(a, b);
    REQUIRE(distance(tensor::tt_full(added), sum) <= slack_a + slack_b);
    const std::size_t center = i % modes.size();
    const tensor::TensorTrain orthogonal = tensor::tt_orthogonalise(a, center);
    REQUIRE(distance(tensor::tt_full(orthogonal), full_a) <= 2 * slack_a);
    for (std::size_t k = 0; k < modes.size(); ++k)
      if (k != center) REQUIRE(off_orthogonal(orthogonal, k, k < center) < 2e-6);
    REQUIRE(std::abs(norm(orthogonal.cores[center]) - norm_a) <= slack_a);
    // The error that rounding reports is the measured one, and within the tolerance.
    const double tolerance = i % 2 == 0 ? 0.3 : 1e-5;
    const tensor::TtRounded rounded = tensor::tt_round(added, {{}, tolerance});
    const double norm_sum = norm(sum);
    const double measured = distance(tensor::tt_full(rounded.train), sum);
    REQUIRE(std::abs(measured - rounded.error) <= 3 * (slack_a + slack_b));
    REQUIRE(measured <= tolerance * norm_sum + 3 * (slack_a + slack_b));
    REQUIRE(std::abs(rounded.norm - norm_sum) <= 2 * (slack_a + slack_b));
  }
}

TEST_CASE("rounding removes what a sum doubled, and keeps caps") {
  const Modes modes{5, 6, 7, 4};
  const tensor::TensorTrain a = random_train(modes, 3, 50);
  const tensor::TensorTrain twice = tensor::tt_add(a, a);
  CHECK(twice.ranks == Modes{1, 6, 6, 6, 1});
  const tensor::TtRounded rounded = tensor::tt_round(twice, {{}, 1e-6});
  CHECK(rounded.train.ranks == a.ranks);
  CHECK(distance(tensor::tt_full(rounded.train), tensor::tt_full(tensor::tt_scale(a, 2))) <
        1e-5 * rounded.norm);
  const tensor::TtRounded capped = tensor::tt_round(twice, {{2, 1, 3}, 0});
  CHECK(capped.train.ranks == Modes{1, 2, 1, 3, 1});
  CHECK(capped.error ==
        doctest::Approx(distance(tensor::tt_full(capped.train), tensor::tt_full(twice))).epsilon(1e-4));
}

TEST_CASE("rounding of the train of a full tensor is as good as its decomposition") {
  const Modes modes{6, 8, 5, 7};
  std::vector<float> values = low_rank_values(48, 35, 4, 0.05f, 9);
  const tensor::TensorTrain exact = tensor::tt_svd(values, modes, {});
  CHECK(distance(tensor::tt_full(exact), values) < 3e-6 * norm(values));
  const tensor::TtRounded rounded = tensor::tt_round(exact, {{4, 4, 4}, 0});
  const double direct = distance(tensor::tt_full(tensor::tt_svd(values, modes, {{4, 4, 4}, 0})), values);
  CHECK(rounded.error <= std::sqrt(3.0) * direct);
  CHECK(direct <= std::sqrt(3.0) * rounded.error);
}

TEST_CASE("a difference of equal trains has norm zero to rounding") {
  const tensor::TensorTrain a = random_train({4, 5, 6}, 3, 70);
  const tensor::TensorTrain difference = tensor::tt_add(a, tensor::tt_scale(a, -1));
  CHECK(tensor::tt_norm(difference) <= 1e-12 * tensor::tt_norm(a));
}

TEST_CASE("wrong trains are refused") {
  const tensor::TensorTrain a = random_train({4, 5}, 2, 1), other = random_train({4, 6}, 2, 1);
  CHECK_THROWS_AS(tensor::tt_inner(a, other), base::Error);
  CHECK_THROWS_AS(tensor::tt_add(a, other), base::Error);
  CHECK_THROWS_AS(tensor::tt_orthogonalise(a, 2), base::Error);
  CHECK_THROWS_AS(tensor::tt_round(a, {{1, 1}, 0}), base::Error);
  tensor::TensorTrain broken = a;
  broken.cores[1].pop_back();
  CHECK_THROWS_AS(tensor::tt_full(broken), base::Error);
  broken = a;
  broken.ranks[2] = 2;
  CHECK_THROWS_AS(tensor::tt_norm(broken), base::Error);
  broken.ranks.clear();
  CHECK_THROWS_AS(tensor::tt_norm(broken), base::Error);
  CHECK_THROWS_AS(tensor::tt_norm({}), base::Error);
}
