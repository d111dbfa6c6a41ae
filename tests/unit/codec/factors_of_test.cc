// The factors behind a stored weight multiply to what it decodes to.
#include <doctest/doctest.h>

#include <cmath>

#include "base/error.h"
#include "codec/codec.h"
#include "codec/core_rounding.h"
#include "codec/factors.h"
#include "samples.h"

using namespace tt;
using codec::Encoding;
using codec::Format;
using tensor::DType;

static std::vector<float> decoded(const codec::WeightData& weight, const Encoding& encoding,
                                  const std::vector<codec::Core>& cores) {
  return codec::WeightData{weight.layout, decode(weight.layout, encoding, cores)}.values();
}

// ||left right - W^||_F / ||W^||_F, W^ the decoded weight; also checks shapes and rank.
static double difference(const codec::WeightData& weight, const Encoding& encoding, std::uint64_t rank) {
  const std::vector<codec::Core> cores = encode(weight, encoding);
  const codec::MemoryCores reader(cores);
  const auto factors = codec::factors_of(weight.layout, encoding, reader);
  REQUIRE(factors);
  CHECK(codec::factor_rank(weight.layout, encoding, reader) == rank);
  CHECK(factors->rank == rank);
  CHECK(factors->rows == weight.layout.rows);
  CHECK(factors->cols == weight.layout.cols);
  REQUIRE(factors->left.size() == factors->rows * rank);
  REQUIRE(factors->right.size() == rank * factors->cols);
  const std::vector<float> wanted = decoded(weight, encoding, cores);
  double error = 0, energy = 0;
  for (std::uint64_t i = 0; i < factors->rows; ++i)
    for (std::uint64_t j = 0; j < factors->cols; ++j) {
      double sum = 0;
      for (std::uint64_t k = 0; k < rank; ++k)
        sum += double{factors->left[i * rank + k]} * double{factors->right[k * factors->cols + j]};
      const double value = wanted[i * factors->cols + j];
      error += (sum - value) * (sum - value);
      energy += value * value;
    }
  return std::sqrt(error / energy);
}

static bool has_factors(const codec::WeightData& weight, const Encoding& encoding) {
  const std::vector<codec::Core> cores = encode(weight, encoding);
  const codec::MemoryCores reader(cores);
  const bool has = codec::factors_of(weight.layout, encoding, reader).has_value();
  CHECK(codec::factor_rank(weight.layout, encoding, reader).has_value() == has);
  return has;
}

TEST_CASE("low rank factors are the cores") {
  REQUIRE(one_thread);
  const codec::WeightData weight = sample_weight(DType::f32, {40, 60}, 0);
  CHECK(difference(weight, {.format = Format::lowrank, .rank = 7, .dtype = DType::f32}, 7) < 1e-6);
  CHECK(difference(weight, {.format = Format::lowrank, .rank = 7, .dtype = DType::f16}, 7) < 1e-6);
  // The weight itself is rounded to halves when it is dense.
  const codec::WeightData half = sample_weight(DType::f16, {40, 60}, 0);
  CHECK(difference(half, {.format = Format::lowrank, .rank = 7, .dtype = DType::f32}, 7) < 5e-4);
}

TEST_CASE("coded factors know their rank") {
  const codec::WeightData weight = sample_weight(DType::f32, {40, 60}, 0);
  CHECK(difference(weight, {.format = Format::lowrank, .rank = 7, .step = 0.1}, 7) < 1e-6);
  const codec::WeightData zeros = sample_weight(DType::f32, {40, 60}, 5);
  CHECK(codec::factor_rank(zeros.layout, {.format = Format::lowrank, .step = 0.1},
                           codec::MemoryCores(encode(zeros, {.format = Format::lowrank, .step = 0.1}))) == 0);
}

TEST_CASE("a train is cut where its modes multiply to the rows") {
  const codec::WeightData wide = sample_weight(DType::f32, {6, 96}, 0);  // the decoder cuts at 24 x 24
  Encoding train{.format = Format::tt, .modes = {2, 3, 4, 24}, .ranks = {2, 4, 5}, .dtype = DType::f32};
  CHECK(difference(wide, train, 4) < 1e-5);
  const codec::WeightData kernel = sample_weight(DType::f32, {8, 3, 5, 5}, 0);
  train = {.format = Format::tt, .modes = {4, 2, 5, 15}, .ranks = {3, 6, 7}, .dtype = DType::f32};
  CHECK(difference(kernel, train, 6) < 1e-5);
  train = {.format = Format::tt, .modes = {6, 1, 96}, .ranks = {3, 3}, .dtype = DType::f32};
  CHECK(difference(wide, train, 3) < 1e-5);
}

TEST_CASE("what has no factors") {
  const codec::WeightData weight = sample_weight(DType::f32, {6, 96}, 0);
  CHECK_FALSE(has_factors(weight, {.format = Format::lossless}));
  CHECK_FALSE(has_factors(weight, {.format = Format::f16}));
  CHECK_FALSE(has_factors(weight, {.format = Format::tt, .modes = {4, 144}, .ranks = {2}}));
  CHECK_FALSE(has_factors(weight, {.format = Format::tt, .modes = {576}, .ranks = {}}));
}

TEST_CASE("factors of a half weight are balanced") {
  const codec::WeightData weight = sample_weight(DType::f16, {6, 96}, 0);
  const Encoding train{.format = Format::tt, .modes = {6, 96}, .ranks = {3}, .dtype = DType::f32};
  const std::vector<codec::Core> cores = encode(weight, train);  // the left core is orthonormal
  const auto factors = codec::factors_of(weight.layout, train, codec::MemoryCores(cores));
  REQUIRE(factors);
  for (std::uint64_t k = 0; k < 3; ++k) {
    float left = 0, right = 0;
    for (std::uint64_t i = 0; i < 6; ++i) left = std::max(left, std::abs(factors->left[i * 3 + k]));
    for (std::uint64_t j = 0; j < 96; ++j) right = std::max(right, std::abs(factors->right[k * 96 + j]));
    CHECK(std::abs(std::ilogb(left) - std::ilogb(right)) <= 1);
  }
  tensor::LowRank odd{1, 1, 3, {INFINITY, 0, 1e-30F}, {1, 1, 1e30F}};
  codec::balance(odd);
  CHECK(odd.left[0] == INFINITY);
  CHECK(odd.right[1] == 1);
  CHECK(std::abs(std::ilogb(odd.left[2]) - std::ilogb(odd.right[2])) <= 1);
  CHECK(odd.left[2] * odd.right[2] == 1e-30F * 1e30F);
}

TEST_CASE("broken cores are refused") {
  const codec::WeightData weight = sample_weight(DType::f32, {6, 96}, 0);
  for (const Encoding& encoding : {Encoding{.format = Format::lowrank, .rank = 2},
                                   Encoding{.format = Format::tt, .modes = {6, 96}, .ranks = {3}}}) {
    std::vector<codec::Core> cores = encode(weight, encoding);
    cores[1].bytes.pop_back();
    CHECK_THROWS_AS(codec::factors_of(weight.layout, encoding, codec::MemoryCores(cores)), base::Error);
    cores.pop_back();
    CHECK_THROWS_AS(codec::factors_of(weight.layout, encoding, codec::MemoryCores(cores)), base::Error);
  }
}
