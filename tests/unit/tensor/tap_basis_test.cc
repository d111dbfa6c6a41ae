#include "tensor/tap_basis.h"

#include <doctest/doctest.h>

#include <cmath>

#include "random_values.h"

using namespace tt;
using tensor::KernelShape;
using tensor::Metric;
using tensor::SicPlan;
using tensor::TapBasis;

namespace {

constexpr KernelShape kShape{24, 6, 9};

// Neighbouring taps are alike.
std::vector<float> smooth_kernels(const KernelShape& shape) {
  std::vector<float> values = random_values(shape.outputs * shape.inputs(), 4);
  for (std::size_t at = 0; at < values.size(); ++at)
    if (at % shape.taps != 0) values[at] = 0.8f * values[at - 1] + 0.3f * values[at];
  return values;
}

Metric patches(const KernelShape& shape) {
  const std::uint64_t n = shape.inputs(), count = 5 * n;
  const std::vector<float> rows = smooth_kernels({count, shape.channels, shape.taps});
  Metric metric{Metric::Kind::full, 1, n, static_cast<double>(count), std::vector<double>(n * n)};
  for (std::uint64_t r = 0; r < count; ++r)
    for (std::uint64_t i = 0; i < n; ++i)
      for (std::uint64_t j = 0; j < n; ++j)
        metric.values[i * n + j] += double{rows[r * n + i]} * double{rows[r * n + j]};
  return metric;
}

std::vector<float> product(const TapBasis& basis, const KernelShape& shape) {
  std::vector<float> out(basis.coefficients.size());
  for (std::size_t at = 0; at < out.size(); ++at) {
    double sum = 0;
    for (std::uint64_t u = 0; u < shape.taps; ++u)
      sum += double{basis.coefficients[at / shape.taps * shape.taps + u]} *
             basis.codes[u * shape.taps + at % shape.taps] / tensor::kTapUnit;
    out[at] = static_cast<float>(sum);
  }
  return out;
}

}  // namespace

TEST_CASE("the metric comes back out of its plan") {
  const Metric metric = patches({1, 5, 4});
  const SicPlan plan(metric);
  const std::vector<double> values = tensor::metric_values(plan, 20);
  for (std::uint64_t i = 0; i < 20; ++i)
    for (std::uint64_t j = 0; j < 20; ++j)
      CHECK(values[i * 20 + j] - (i == j ? plan.ridge() : 0) ==
            doctest::Approx(metric.values[i * 20 + j]).epsilon(1e-5).scale(metric.values[0]));
  Metric diagonal{Metric::Kind::diagonal, 1, 3, 1, {4, 1, 9}};
  const std::vector<double> three = tensor::metric_values(SicPlan(diagonal, 0), 3);
  CHECK(three[0] == doctest::Approx(4));
  CHECK(three[4] == doctest::Approx(1));
  CHECK(three[8] == doctest::Approx(9));
  CHECK(three[1] == 0);
}

TEST_CASE("functions times coefficients are the kernels, and count as much in the new metric") {
  const std::vector<float> values = smooth_kernels(kShape);
  for (const Metric& metric : {Metric{Metric::Kind::identity, 1, 54, 0, {}}, patches(kShape)}) {
    const TapBasis basis = tensor::find_tap_basis(values, kShape, SicPlan(metric));
    const std::vector<float> back = product(basis, kShape);
    for (std::size_t at = 0; at < values.size(); ++at)
      CHECK(back[at] == doctest::Approx(values[at]).epsilon(1e-5).scale(1));
    CHECK(tensor::metric_energy({basis.coefficients, kShape.outputs, kShape.inputs()}, basis.metric) ==
          doctest::Approx(tensor::metric_energy({values, kShape.outputs, kShape.inputs()}, metric))
              .epsilon(1e-3));
  }
}

TEST_CASE("the first functions carry most, the last next to nothing") {
  const std::vector<float> values = smooth_kernels(kShape);
  const TapBasis basis = tensor::find_tap_basis(values, kShape, SicPlan(patches(kShape)));
  std::vector<double> energy(kShape.taps);
  for (std::size_t at = 0; at < values.size(); ++at) {
    const std::uint64_t input = at % kShape.inputs(), n = kShape.inputs();
    energy[at % kShape.taps] += double{basis.coefficients[at]} * double{basis.coefficients[at]} *
                                basis.metric.values[input * n + input];
  }
  CHECK(basis.alike > 0.3);
  CHECK(basis.alike < 1);
  CHECK(energy[0] > 10 * energy[kShape.taps - 1]);
}

TEST_CASE("kernels of zeros, of one value, and of a single channel have a basis") {
  for (const KernelShape shape : {KernelShape{3, 2, 4}, KernelShape{5, 1, 9}, KernelShape{1, 1, 2}})
    for (const float value : {0.0f, 1.0f}) {
      const std::vector<float> values(shape.outputs * shape.inputs(), value);
      const SicPlan plan(Metric{Metric::Kind::identity, 1, shape.inputs(), 0, {}});
      const TapBasis basis = tensor::find_tap_basis(values, shape, plan);
      const std::vector<float> back = product(basis, shape);
      for (const float element : back) CHECK(element == doctest::Approx(value).epsilon(1e-5));
      for (const std::int32_t code : basis.codes) CHECK(std::abs(code) <= tensor::kTapUnit);
    }
}
