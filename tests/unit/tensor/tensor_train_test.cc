#include "tensor/tensor_train.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "base/error.h"
#include "random_values.h"
#include "tensor/dtype.h"
#include "tensor/product.h"

using namespace tt;
using Modes = std::vector<std::uint64_t>;

static std::vector<float> full(const tensor::TensorTrain& train) {
  const tensor::TrainHalves halves = tensor::contract_halves(train);
  std::vector<float> out(halves.rows * halves.cols);
  tensor::fixed_order_product(halves.left, halves.right, halves.rows, halves.rank, halves.cols, out);
  return out;
}

static double relative(const std::vector<float>& a, const std::vector<float>& b) {
  return std::sqrt(tensor::squared_distance(a, b) / tensor::squared_norm(a));
}

static std::uint64_t product_of(const Modes& modes) {
  std::uint64_t product = 1;
  for (const std::uint64_t mode : modes) product *= mode;
  return product;
}

TEST_CASE("at full rank a train is the tensor, and its right cores are orthonormal") {
  for (const Modes& modes :
       {Modes{1}, Modes{12}, Modes{4, 5}, Modes{3, 4, 5}, Modes{7, 1, 6, 2}, Modes{2, 3, 2, 3, 2, 2, 3, 2}}) {
    CAPTURE(tensor::shape_text(modes));
    const std::vector<float> values = random_values(product_of(modes), 21);
    const tensor::TensorTrain train = tensor::tt_svd(values, modes, {});
    CHECK(relative(values, full(train)) < 2e-6);
    for (std::size_t k = 1; k < modes.size(); ++k) {
      const std::uint64_t cols = modes[k] * train.ranks[k + 1];
      REQUIRE(train.cores[k].size() == train.ranks[k] * cols);
      for (std::uint64_t a = 0; a < train.ranks[k]; ++a) {
        for (std::uint64_t b = 0; b <= a; ++b) {
          double dot = 0;
          for (std::uint64_t j = 0; j < cols; ++j)
            dot += static_cast<double>(train.cores[k][a * cols + j]) * train.cores[k][b * cols + j];
          REQUIRE(dot == doctest::Approx(a == b ? 1 : 0).epsilon(1e-5));
        }
      }
    }
  }
}

TEST_CASE("the tolerance holds and the norm of the first core gives the error") {
  const Modes modes{6, 8, 5, 7};
  const std::vector<float> values = low_rank_values(48, 35, 4, 0.05f, 9);
  const double norm = tensor::squared_norm(values);
  for (const double tolerance : {1e-5, 1e-3, 0.03, 0.2, 0.6, 2.0}) {
    const tensor::TensorTrain train = tensor::tt_svd(values, modes, {{}, tolerance});
    const double error = relative(values, full(train));
    CHECK(error <= tolerance * 1.0001 + 1e-6);
    const double captured = std::sqrt(std::max(0.0, 1 - tensor::squared_norm(train.cores[0]) / norm));
    CHECK(error == doctest::Approx(captured).epsilon(1e-3).scale(1e-3));
  }
}

// In random shapes a matrix of the sweep is tall, wide or square.
TEST_CASE("the error stays below the tails of the unfoldings for 1,000 random shapes and caps") {
  std::mt19937 generator(8);
  const auto draw = [&generator](std::uint64_t most) { return 1 + generator() % most; };
  for (int run = 0; run < 1000; ++run) {
    Modes modes(1 + draw(4));
    for (std::uint64_t& mode : modes) mode = draw(6);
    Modes caps(modes.size() - 1);
    for (std::uint64_t& cap : caps) cap = draw(6);
    CAPTURE(tensor::shape_text(modes));
    CAPTURE(tensor::shape_text(caps));
    const std::vector<float> values = random_values(product_of(modes), static_cast<unsigned>(run));
    const std::vector<tensor::Spectrum> spectra = tensor::unfolding_spectra(values, modes);
    double bound = 0;
    for (std::size_t k = 0; k < caps.size(); ++k) bound += spectra[k].tail(caps[k]);
    const tensor::TensorTrain train = tensor::tt_svd(values, modes, {caps, 0});
    CHECK(tensor::squared_distance(values, full(train)) <=
          bound * 1.0001 + 1e-10 * tensor::squared_norm(values));
  }
}

TEST_CASE("rank caps hold, and the error stays below the tails of the unfoldings") {
  const Modes modes{6, 8, 5, 7};
  const std::vector<float> values = random_values(product_of(modes), 31);
  const Modes caps{3, 9, 4};
  const tensor::TensorTrain train = tensor::tt_svd(values, modes, {caps, 0});
  CHECK(train.ranks == Modes{1, 3, 9, 4, 1});
  const std::vector<tensor::Spectrum> spectra = tensor::unfolding_spectra(values, modes);
  REQUIRE(spectra.size() == 3);
  double bound = 0;
  for (std::size_t k = 0; k < 3; ++k) bound += spectra[k].tail(caps[k]);
  CHECK(tensor::squared_distance(values, full(train)) <= bound * 1.0001);
  CHECK(tensor::core_elements(train.modes, train.ranks) == 6 * 3 + 3 * 8 * 9 + 9 * 5 * 4 + 4 * 7);
}

TEST_CASE("two modes at any rank are the best approximation, whichever side is larger") {
  for (const Modes& modes :
       {Modes{48, 48}, Modes{32, 32}, Modes{20, 64}, Modes{64, 20}, Modes{64, 32}, Modes{2, 2}}) {
    const std::vector<float> values = low_rank_values(modes[0], modes[1], 3, 0.3f, 5);
    const tensor::Spectrum spectrum = tensor::unfolding_spectra(values, modes)[0];
    for (const std::uint64_t rank : {1u, 2u, 3u, 11u}) {
      if (rank > spectrum.energy.size()) continue;
      CAPTURE(tensor::shape_text(modes));
      CAPTURE(rank);
      const double error = relative(values, full(tensor::tt_svd(values, modes, {{rank}, 0})));
      CHECK(error ==
            doctest::Approx(std::sqrt(spectrum.tail(rank) / spectrum.total)).epsilon(1e-5).scale(1e-2));
    }
  }
}

TEST_CASE("degenerate tensors and wrong modes") {
  const std::vector<float> zero(24, 0.0f);
  CHECK(full(tensor::tt_svd(zero, {2, 3, 4}, {})) == zero);
  CHECK(tensor::tt_svd(zero, {2, 3, 4}, {{}, 0.1}).ranks.size() == 4);
  const std::vector<float> huge = random_values(24, 4, 1e37f);
  CHECK(relative(huge, full(tensor::tt_svd(huge, {2, 3, 4}, {}))) < 1e-5);
  CHECK_THROWS_AS(tensor::tt_svd(zero, {5, 5}, {}), base::Error);
  CHECK_THROWS_AS(tensor::tt_svd(zero, {}, {}), base::Error);
  CHECK_THROWS_AS(tensor::tt_svd(zero, {2, 12}, {{1, 1}, 0}), base::Error);
  CHECK_THROWS_AS(tensor::tt_svd({}, {0}, {}), base::Error);
  CHECK_THROWS_AS(tensor::unfolding_spectra(zero, Modes(9, 1)), base::Error);
}

TEST_CASE("balanced modes multiply to both sides") {
  CHECK(tensor::balanced_modes(768, 3072) == Modes{24, 32, 48, 64});
  CHECK(tensor::balanced_modes(1, 1) == Modes{1});
  CHECK(tensor::balanced_modes(1, 13) == Modes{13});
  for (std::uint64_t rows : {1u, 2u, 10u, 97u, 4096u, 50257u}) {
    for (std::uint64_t cols : {1u, 3u, 64u, 4095u, 30522u}) {
      const Modes modes = tensor::balanced_modes(rows, cols);
      CHECK(product_of(modes) == rows * cols);
      CHECK(modes.size() <= 8);
    }
  }
}

// In float32 a step would not see what these ranks lose.
TEST_CASE("the error is that of the optimum from 1e-6 to 0.5, for small and large numbers") {
  const Modes modes{32, 40, 48};
  for (const float noise : {1e-6f, 1e-4f, 3e-3f, 0.02f, 0.5f}) {
    std::vector<float> values = low_rank_values(32, 40 * 48, 5, noise, 3);
    const std::vector<tensor::Spectrum> spectra = tensor::unfolding_spectra(values, modes);
    const double least = std::sqrt(spectra[0].tail(5) / spectra[0].total);
    const double error = relative(values, full(tensor::tt_svd(values, modes, {{5, 48}, 0})));
    CHECK(error <= least * 1.001 + 5e-7);
    CHECK(error >= least * 0.999 - 5e-7);
    for (const float scale : {0x1p-90f, 0x1p90f}) {
      std::vector<float> scaled = values;
      for (float& value : scaled) value *= scale;
      const double same = relative(scaled, full(tensor::tt_svd(scaled, modes, {{5, 48}, 0})));
      CHECK(same == doctest::Approx(error).epsilon(1e-3).scale(5e-4));
    }
  }
}
