#include "tensor/sic.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "random_values.h"
#include "tensor/trellis.h"

extern "C" void openblas_set_num_threads(int);
namespace {
const bool one_thread = (openblas_set_num_threads(1), true);
}  // namespace

using namespace tt;
using tensor::MatrixView;
using tensor::Metric;
using tensor::SicCodes;
using tensor::SicPlan;
using tensor::SicWeight;

// The Gram matrix of `samples` inputs that depend on each other and have different sizes.
static Metric gram_metric(std::uint64_t n, std::uint64_t samples, unsigned axis, unsigned seed) {
  const std::vector<float> mix = low_rank_values(samples, n, n / 4 + 1, 0.3f, seed);
  Metric metric{Metric::Kind::full, axis, n, static_cast<double>(samples), std::vector<double>(n * n)};
  for (std::uint64_t i = 0; i < n; ++i)
    for (std::uint64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::uint64_t t = 0; t < samples; ++t)
        sum += static_cast<double>(mix[t * n + i]) * mix[t * n + j] *
               static_cast<double>((1 + i % 5) * (1 + j % 5));
      metric.values[i * n + j] = sum;
    }
  return metric;
}
static Metric identity(std::uint64_t n, unsigned axis = 1) {
  return {Metric::Kind::identity, axis, n, 0, {}};
}

// outputs x inputs (axis 1) or inputs x outputs (axis 0), as the weight lies.
static std::vector<float> decoded(const SicCodes& codes, unsigned axis) {
  std::vector<float> values(codes.codes.size());
  for (std::uint64_t i = 0; i < codes.inputs; ++i) {
    const float step =
        codes.step_codes.empty() ? codes.scale : tensor::sic_step(codes.scale, codes.step_codes[i]);
    for (std::uint64_t o = 0; o < codes.outputs; ++o)
      values[axis == 1 ? o * codes.inputs + i : i * codes.outputs + o] =
          static_cast<float>(codes.codes[i * codes.outputs + o]) * step;
  }
  return values;
}
// 300 outputs of 60 inputs.
struct Layer {
  Metric metric = gram_metric(60, 200, 1, 30);
  std::vector<float> values = random_values(300 * 60, 31);
  SicPlan plan{metric};
  SicWeight ready{plan, {values, 300, 60}};
};
static double measured(const MatrixView& weight, const SicCodes& codes, const Metric& metric) {
  std::vector<float> error = decoded(codes, metric.axis);
  for (std::size_t i = 0; i < error.size(); ++i) error[i] = weight.values[i] - error[i];
  return std::sqrt(tensor::metric_energy({error, weight.rows, weight.cols}, metric) /
                   tensor::metric_energy(weight, metric));
}
// Bits a weight, entropy of the codes of each input.
static double entropy(const SicCodes& codes) {
  double bits = 0;
  for (std::uint64_t i = 0; i < codes.inputs; ++i) {
    std::vector<std::int32_t> column(
        codes.codes.begin() + static_cast<std::ptrdiff_t>(i * codes.outputs),
        codes.codes.begin() + static_cast<std::ptrdiff_t>((i + 1) * codes.outputs));
    std::sort(column.begin(), column.end());
    for (auto at = column.begin(); at != column.end();) {
      const auto end = std::upper_bound(at, column.end(), *at);
      const double count = static_cast<double>(end - at);
      bits -= count * std::log2(count / static_cast<double>(codes.outputs));
      at = end;
    }
  }
  return bits / static_cast<double>(codes.codes.size());
}
static tensor::SicOptions nearest() {
  return {.price = 0};
}

TEST_CASE("the error that is reported is the error of what decodes") {
  REQUIRE(one_thread);
  for (const unsigned axis : {0u, 1u}) {
    const Metric metric = gram_metric(90, 300, axis, 1);
    const std::vector<float> values = random_values(70 * 90, 2);
    const MatrixView weight{values, axis == 1 ? 70u : 90u, axis == 1 ? 90u : 70u};
    const SicPlan plan(metric);
    const SicWeight ready(plan, weight);
    for (const auto& [error, run] : {std::pair{1.0, 0u},
                                     {0.3, 0u},
                                     {0.1, 0u},
                                     {0.01, 0u},
                                     {0.001, 0u},
                                     {1.0, 70u},
                                     {0.3, 70u},
                                     {0.1, 32u},
                                     {0.01, 70u},
                                     {0.001, 7u}}) {
      const SicCodes codes = ready.round(ready.scale_for(error), {.run = run});
      CHECK(codes.run == run);
      CHECK(codes.error == doctest::Approx(measured(weight, codes, metric)).epsilon(1e-3));
      double squared = 0, norm = 0;
      const std::vector<float> back = decoded(codes, axis);
      for (std::size_t i = 0; i < back.size(); ++i) {
        squared += std::pow(double{values[i]} - double{back[i]}, 2);
        norm += std::pow(double{values[i]}, 2);
      }
      CHECK(codes.weight_error == doctest::Approx(std::sqrt(squared / norm)).epsilon(1e-4));
    }
  }
}

TEST_CASE("along a trellis the codes of every run of outputs follow it, and cost less") {
  const Layer layer;
  const SicWeight& ready = layer.ready;
  const SicCodes free = ready.round(ready.scale_for(0.1));
  for (const std::uint64_t run : {300u, 128u}) {
    const SicCodes along = ready.round(ready.scale_for(0.1), {.run = run});
    for (std::uint64_t i = 0; i < 60; ++i) {
      std::uint32_t state = 0;
      for (std::uint64_t o = 0; o < 300; ++o) {
        if (o % run == 0) state = 0;
        const std::int32_t code = along.codes[i * 300 + o];
        REQUIRE(((code & 1) != 0) == tensor::takes_odd(state));
        state = tensor::next_state(state, tensor::in_higher_subset(code));
      }
    }
    CHECK(along.error < 1.02 * free.error);
    CHECK(entropy(along) < entropy(free) + 1);  // the state tells which half of the codes it is
  }
}

TEST_CASE("values near the largest of their type are not coded along a trellis") {
  const std::vector<float> values = random_values(50 * 40, 5);
  const SicPlan plan(identity(40));
  const SicWeight ready(plan, {values, 50, 40});
  CHECK(ready.round(ready.scale_for(0.1), {.limit = 10, .run = 50}).run == 0);
  CHECK(ready.round(ready.scale_for(0.1), {.limit = 1000, .run = 50}).run == 50);
}

TEST_CASE("at fine steps the error is what the step says, and halves with it") {
  const Metric metric = gram_metric(64, 400, 1, 3);
  const std::vector<float> values = random_values(200 * 64, 4);
  const SicPlan plan(metric, 1e-6);
  const SicWeight ready(plan, {values, 200, 64});
  double last = 0;
  for (const double error : {0.04, 0.02, 0.01, 0.005}) {
    const SicCodes codes = ready.round(ready.scale_for(error));
    CHECK(codes.error == doctest::Approx(error).epsilon(0.02));
    if (last > 0) CHECK(codes.error == doctest::Approx(last / 2).epsilon(0.03));
    last = codes.error;
  }
}

TEST_CASE("with the identity, and with a multiple of it, codes are nearest codes of one step") {
  const std::vector<float> values = random_values(50 * 40, 5);
  const SicPlan plan(identity(40));
  const SicWeight ready(plan, {values, 50, 40});
  const SicCodes codes = ready.round(ready.scale_for(0.1), nearest());
  CHECK(codes.step_codes.empty());
  for (std::uint64_t o = 0; o < 50; ++o)
    for (std::uint64_t i = 0; i < 40; ++i) {
      const float x = values[o * 40 + i] / codes.scale;
      CHECK(std::abs(x - static_cast<float>(codes.codes[i * 50 + o])) <= 0.5001f);
    }
  Metric scaled{Metric::Kind::full, 1, 40, 1, std::vector<double>(1600)};
  for (std::uint64_t i = 0; i < 40; ++i) scaled.values[i * 41] = 7.0;
  const SicPlan full(scaled);
  const SicWeight other(full, {values, 50, 40});
  CHECK(other.round(other.scale_for(0.1), nearest()).codes == codes.codes);
}

TEST_CASE("steps too fine for the rounding of float32 are powers of two, and the error falls on") {
  const std::vector<float> values = random_values(200 * 64, 21);
  const MatrixView weight{values, 200, 64};
  for (const Metric& metric : {identity(64), gram_metric(64, 400, 1, 22)}) {
    const SicPlan plan(metric, 1e-6);
    const SicWeight ready(plan, weight);
    double last = 1;
    for (const double error : {4e-8, 3e-8, 2e-8}) {
      const SicCodes codes = ready.round(ready.scale_for(error));
      REQUIRE(codes.step_codes.size() == 64);
      for (const std::uint32_t code : codes.step_codes) CHECK(code % 8 == 1);
      int exponent = 0;
      CHECK(std::frexp(codes.scale, &exponent) == 0.5f);
      CHECK(codes.error == doctest::Approx(measured(weight, codes, metric)).epsilon(1e-3));
      CHECK(codes.error < 0.9 * last);
      CHECK(codes.error < 1.3 * error);
      last = codes.error;
    }
  }
}

TEST_CASE("values of 24 bits are kept exactly by a step of their last bit") {
  std::vector<float> values = random_values(50 * 40, 23);
  for (float& value : values) value = std::round(std::fmod(value, 1.0f) * 0x1p24f) * 0x1p-24f;
  values[0] = 1 - 0x1p-24f;
  const SicPlan plan(identity(40));
  const SicCodes codes = SicWeight(plan, {values, 50, 40}).round(0x1p-24, nearest());
  CHECK(codes.error == 0);
  CHECK(decoded(codes, 1) == values);
}

TEST_CASE("a diagonal metric gives steps of one over its root, up to the grid") {
  Metric metric{Metric::Kind::diagonal, 0, 30, 1, {}};
  for (std::uint64_t i = 0; i < 30; ++i) metric.values.push_back(std::pow(1.5, static_cast<double>(i % 11)));
  const std::vector<float> values = random_values(30 * 200, 6);
  const SicPlan plan(metric, 1e-9);
  const SicWeight ready(plan, {values, 30, 200});
  const double s = ready.scale_for(0.01);
  const SicCodes codes = ready.round(s);
  for (std::uint64_t i = 0; i < 30; ++i) {
    const double ratio = tensor::sic_step(codes.scale, codes.step_codes[i]) * std::sqrt(metric.values[i]) / s;
    CHECK(ratio > 0.93);
    CHECK(ratio < 1.07);
  }
  CHECK(codes.error == doctest::Approx(measured({values, 30, 200}, codes, metric)).epsilon(1e-4));
}

TEST_CASE("outputs do not depend on each other") {
  const Metric metric = gram_metric(70, 200, 1, 7);
  std::vector<float> values = random_values(40 * 70, 8), turned(values.size());
  for (std::uint64_t o = 0; o < 40; ++o)
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(o * 70), 70,
                turned.begin() + static_cast<std::ptrdiff_t>((39 - o) * 70));
  const SicPlan plan(metric);
  const SicWeight a(plan, {values, 40, 70}), b(plan, {turned, 40, 70});
  const SicCodes first = a.round(a.scale_for(0.05)), second = b.round(a.scale_for(0.05));
  CHECK(first.step_codes == second.step_codes);
  std::uint64_t different = 0;
  for (std::uint64_t i = 0; i < 70; ++i)
    for (std::uint64_t o = 0; o < 40; ++o)
      different += first.codes[i * 40 + o] != second.codes[i * 40 + 39 - o];
  // The matrix product may sum in another order for another column.
  CHECK(different <= 3);
}

TEST_CASE("both axes give the same codes") {
  const Metric by_column = gram_metric(33, 100, 1, 9);
  Metric by_row = by_column;
  by_row.axis = 0;
  const std::vector<float> values = random_values(20 * 33, 10);
  std::vector<float> turned(values.size());
  for (std::uint64_t o = 0; o < 20; ++o)
    for (std::uint64_t i = 0; i < 33; ++i) turned[i * 20 + o] = values[o * 33 + i];
  const SicPlan plan(by_column), other(by_row);
  const SicWeight a(plan, {values, 20, 33}), b(other, {turned, 33, 20});
  const SicCodes first = a.round(a.scale_for(0.1)), second = b.round(b.scale_for(0.1));
  CHECK(first.codes == second.codes);
  CHECK(first.step_codes == second.step_codes);
  CHECK(first.scale == second.scale);
}

TEST_CASE("feedback beats rounding to nearest at the same entropy") {
  double better = 0;
  for (unsigned seed = 20; seed < 26; ++seed) {
    const Metric metric = gram_metric(60, 200, 1, seed);
    const std::vector<float> values = random_values(150 * 60, seed + 100);
    const MatrixView weight{values, 150, 60};
    const SicPlan plan(metric), plain(identity(60));
    const SicWeight with(plan, weight), without(plain, weight);
    const SicCodes sic = with.round(with.scale_for(0.1), nearest());
    const double bits = entropy(sic);
    // Nearest codes with as many bits: their error in the metric.
    double low = 1e-4, high = 2;
    for (int i = 0; i < 30; ++i) {
      const double middle = std::sqrt(low * high);
      (entropy(without.round(without.scale_for(middle), nearest())) > bits ? low : high) = middle;
    }
    const double rtn = measured(weight, without.round(without.scale_for(high), nearest()), metric);
    CHECK(sic.error < rtn);
    better += rtn / sic.error;
  }
  CHECK(better / 6 > 1.3);
}

TEST_CASE("a price on bits saves bits at an equal error where codes are few") {
  const Layer layer;
  const SicWeight& ready = layer.ready;
  const SicCodes priced = ready.round(ready.scale_for(0.3));
  double low = 0.3, high = 3;
  for (int i = 0; i < 30; ++i) {
    const double middle = std::sqrt(low * high);
    (ready.round(ready.scale_for(middle), nearest()).error < priced.error ? low : high) = middle;
  }
  CHECK(entropy(priced) < 0.98 * entropy(ready.round(ready.scale_for(low), nearest())));
}

TEST_CASE("inputs that do not matter get zeros and no step") {
  Metric metric = gram_metric(40, 100, 1, 11);
  for (std::uint64_t k = 0; k < 40; ++k)
    for (const std::uint64_t dead : {3u, 17u})
      metric.values[dead * 40 + k] = metric.values[k * 40 + dead] = 0;
  const std::vector<float> values = random_values(64 * 40, 12);
  const SicPlan plan(metric);
  const SicWeight ready(plan, {values, 64, 40});
  const SicCodes codes = ready.round(ready.scale_for(0.2));
  for (const std::uint64_t dead : {3u, 17u}) {
    CHECK(codes.step_codes[dead] == 0);
    for (std::uint64_t o = 0; o < 64; ++o) CHECK(codes.codes[dead * 64 + o] == 0);
  }
  CHECK(std::count(codes.step_codes.begin(), codes.step_codes.end(), 0u) < 20);
}

TEST_CASE("a sample of the outputs predicts error and entropy") {
  const Metric metric = gram_metric(64, 300, 1, 13);
  const std::vector<float> values = random_values(2000 * 64, 14);
  const SicPlan plan(metric);
  const SicWeight ready(plan, {values, 2000, 64}), some = ready.sample(400);
  CHECK(some.outputs() == 400);
  CHECK(ready.sample(0).outputs() == 2000);
  CHECK(ready.sample(5000).outputs() == 2000);
  for (const double error : {0.2, 0.05}) {
    const SicCodes all = ready.round(ready.scale_for(error)), part = some.round(ready.scale_for(error));
    CHECK(part.error == doctest::Approx(all.error).epsilon(0.03));
    CHECK(entropy(part) == doctest::Approx(entropy(all)).epsilon(0.03));
  }
}

TEST_CASE("a sample without the output that has most of the energy predicts the error all the same") {
  const Metric metric = gram_metric(32, 100, 1, 26);
  std::vector<float> values = random_values(512 * 32, 27);
  for (std::uint64_t i = 0; i < 32; ++i) values[i] *= 100;  // the first output
  const SicPlan plan(metric);
  const SicWeight ready(plan, {values, 512, 32}), some = ready.sample(128);
  const double s = ready.scale_for(0.01);
  CHECK(some.round(s).error == doctest::Approx(ready.round(s).error).epsilon(0.1));
}

TEST_CASE("weights of any magnitude") {
  const Metric metric = gram_metric(20, 60, 1, 15);
  const SicPlan plan(metric), plain(identity(20));
  for (const SicPlan* use : {&plan, &plain}) {
    for (const float scale : {1e-44f, 1e-40f, 1e-20f, 1.0f, 1e20f, 1.5e38f}) {
      std::vector<float> values = random_values(30 * 20, 16);
      for (float& value : values) value *= scale;
      const SicWeight ready(*use, {values, 30, 20});
      for (const double error : {1.0, 0.1, 0.001, 1e-9}) {
        const SicCodes codes = ready.round(ready.scale_for(error));
        for (const float value : decoded(codes, 1)) REQUIRE(std::isfinite(value));
        CHECK(codes.error <= std::max(1.5 * error, 2e-6));
      }
    }
    const std::vector<float> zeros(600, 0.0f);
    const SicWeight nothing(*use, {zeros, 30, 20});
    const SicCodes codes = nothing.round(nothing.scale_for(0.1));
    CHECK(std::all_of(codes.codes.begin(), codes.codes.end(), [](std::int32_t code) { return code == 0; }));
    CHECK(codes.error == 0);
    CHECK(codes.weight_error == 0);
  }
}

TEST_CASE("no value is larger than the limit") {
  const Metric metric = gram_metric(20, 60, 1, 17);
  std::vector<float> values = random_values(30 * 20, 18);
  for (float& value : values) value *= 60000;
  const SicPlan plan(metric);
  const SicWeight ready(plan, {values, 30, 20});
  for (const double error : {2.0, 0.5, 0.1}) {
    const SicCodes codes = ready.round(ready.scale_for(error), {.limit = 65504});
    for (const float value : decoded(codes, 1)) CHECK(std::abs(value) <= 65504);
  }
}

TEST_CASE("shapes of one row, one column and nothing") {
  for (const auto& [rows, cols] :
       {std::pair<std::uint64_t, std::uint64_t>{1, 50}, {50, 1}, {1, 1}, {0, 5}, {5, 0}}) {
    const std::vector<float> values = random_values(rows * cols, 19);
    for (const unsigned axis : {0u, 1u}) {
      const std::uint64_t n = axis == 1 ? cols : rows;
      for (const bool full : {false, true}) {
        const Metric metric = full && n > 0 ? gram_metric(n, 10, axis, 20) : identity(n, axis);
        const SicPlan plan(metric);
        const SicWeight ready(plan, {values, rows, cols});
        const SicCodes codes = ready.round(ready.scale_for(0.01));
        CHECK(codes.codes.size() == rows * cols);
        CHECK(codes.error <= 0.05);
      }
    }
  }
}

TEST_CASE("the same codes twice") {
  const Metric metric = gram_metric(100, 200, 0, 21);
  const std::vector<float> values = random_values(100 * 80, 22);
  const SicPlan plan(metric), again(metric);
  const SicWeight a(plan, {values, 100, 80}), b(again, {values, 100, 80});
  CHECK(a.round(0.1).codes == b.round(0.1).codes);
}

TEST_CASE("a step of the grid is exact in its factor") {
  CHECK(tensor::sic_step(0.3f, 0) == 0);
  CHECK(tensor::sic_step(0.5f, 1) == 4);
  CHECK(tensor::sic_step(0.5f, 8) == 7.5f);
  CHECK(tensor::sic_step(0.5f, 9) == 8);
  CHECK(std::isfinite(tensor::sic_step(1.0f, tensor::kMaxStepCode)));
}

TEST_CASE("metrics that are none are refused") {
  const auto refused = [](const auto& make) {
    try {
      make();
    } catch (const base::Error& error) {
      return error.kind() == base::ErrorKind::bad_data;
    }
    return false;
  };
  const Metric good = gram_metric(8, 30, 1, 23);
  const auto broken = [&](std::size_t at, double value) {
    Metric metric = good;
    metric.values[at] = value;
    return metric;
  };
  CHECK(refused([&] { SicPlan plan(broken(5, NAN)); }));
  CHECK(refused([&] { SicPlan plan(broken(0, INFINITY)); }));
  CHECK(refused([&] { SicPlan plan(broken(9, -1.0)); }));
  Metric indefinite = good;
  for (std::uint64_t i = 0; i < 8; ++i)
    for (std::uint64_t j = 0; j < 8; ++j) indefinite.values[i * 8 + j] = i == j ? 1 : 5;
  CHECK(refused([&] { SicPlan plan(indefinite); }));
  Metric short_one = good;
  short_one.values.pop_back();
  CHECK(refused([&] { SicPlan plan(short_one); }));
  CHECK(refused([&] { SicPlan plan(Metric{Metric::Kind::full, 1, std::uint64_t{1} << 33, 1, {}}); }));
  const SicPlan plan(good);
  const std::vector<float> values = random_values(24, 24), bad{1, 2, NAN, 4, 5, 6, 7, 8};
  CHECK(refused([&] { SicWeight weight(plan, {values, 4, 6}); }));
  CHECK(refused([&] { SicWeight weight(plan, {bad, 1, 8}); }));
  CHECK(refused([&] { tensor::metric_energy({values, 4, 6}, good); }));
  // A metric without any input seen is no metric: identity.
  const SicPlan nothing(Metric{Metric::Kind::full, 1, 3, 0, std::vector<double>(9)});
  CHECK(nothing.uniform());
}

TEST_CASE("energies of the three kinds of metric agree") {
  const std::vector<float> values = random_values(12 * 9, 25);
  for (const unsigned axis : {0u, 1u}) {
    const std::uint64_t n = axis == 1 ? 9 : 12;
    Metric diagonal{Metric::Kind::diagonal, axis, n, 1, {}}, full{Metric::Kind::full, axis, n, 1, {}};
    full.values.assign(n * n, 0.0);
    for (std::uint64_t i = 0; i < n; ++i) {
      diagonal.values.push_back(1.0 + static_cast<double>(i));
      full.values[i * n + i] = 1.0 + static_cast<double>(i);
    }
    const MatrixView view{values, 12, 9};
    CHECK(tensor::metric_energy(view, diagonal) == doctest::Approx(tensor::metric_energy(view, full)));
    Metric ones = diagonal;
    ones.values.assign(n, 1.0);
    CHECK(tensor::metric_energy(view, ones) ==
          doctest::Approx(tensor::metric_energy(view, identity(n, axis))));
  }
}
