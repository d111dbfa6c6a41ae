#include "tensor/group_codes.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "base/error.h"

namespace {

using namespace tt::tensor;

std::vector<float> random_values(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto uniform = [&] { return (static_cast<float>(random() >> 40) + 0.5f) / 0x1p24f; };
  std::vector<float> values(count);
  for (float& value : values) value = uniform() + uniform() + uniform() + uniform() - 2;
  return values;
}

Metric identity(unsigned axis, std::uint64_t size) {
  Metric metric;
  metric.axis = axis;
  metric.size = size;
  return metric;
}

// Inputs of `size` values that move together.
Metric correlated(unsigned axis, std::uint64_t size) {
  Metric metric = identity(axis, size);
  metric.kind = Metric::Kind::full;
  metric.values.resize(size * size);
  const auto scale = [](std::uint64_t i) { return 1 + static_cast<double>(i % 7); };
  for (std::uint64_t i = 0; i < size; ++i)
    for (std::uint64_t j = 0; j < size; ++j)
      metric.values[i * size + j] =
          scale(i) * scale(j) * std::pow(0.95, std::abs(static_cast<double>(i) - static_cast<double>(j)));
  return metric;
}

std::vector<float> decoded(const GroupCodes& codes, std::uint64_t group, unsigned axis) {
  std::vector<float> values(codes.codes.size());
  const std::uint64_t inputs = axis == 1 ? codes.cols : codes.rows, groups = group_count(inputs, group);
  for (std::uint64_t r = 0; r < codes.rows; ++r)
    for (std::uint64_t c = 0; c < codes.cols; ++c) {
      const std::uint64_t g = group == 0 ? 0 : (axis == 1 ? c : r) / group;
      const std::int32_t scale = codes.scale_codes[axis == 1 ? r * groups + g : g * codes.cols + c];
      values[r * codes.cols + c] = group_scale(scale) * static_cast<float>(codes.codes[r * codes.cols + c]);
    }
  return values;
}

double relative(const std::vector<float>& a, const std::vector<float>& b, const MatrixView& shape,
                const Metric& metric) {
  std::vector<float> difference(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) difference[i] = a[i] - b[i];
  return std::sqrt(metric_energy({difference, shape.rows, shape.cols}, metric) /
                   metric_energy({a, shape.rows, shape.cols}, metric));
}

}  // namespace

TEST_CASE("the errors that group codes claim are those of what they stand for") {
  const std::uint64_t rows = 48, cols = 40;
  const std::vector<float> values = random_values(rows * cols, 1);
  const MatrixView view{values, rows, cols};
  for (const unsigned axis : {0u, 1u})
    for (const unsigned bits : {4u, 8u})
      for (const std::uint64_t group : {0u, 16u, 32u}) {
        CAPTURE(axis);
        CAPTURE(bits);
        CAPTURE(group);
        const std::uint64_t inputs = axis == 1 ? cols : rows;
        for (const Metric& metric : {identity(axis, inputs), correlated(axis, inputs)}) {
          const SicPlan plan(metric);
          const GroupCodes codes = GroupQuantiser(plan, view, axis).round(bits, group);
          const std::vector<float> back = decoded(codes, group, axis);
          CHECK(codes.error == doctest::Approx(relative(values, back, view, metric)).epsilon(1e-3));
          CHECK(codes.weight_error ==
                doctest::Approx(relative(values, back, view, identity(axis, inputs))).epsilon(1e-4));
          CHECK(codes.weight_error < (bits == 4 ? 0.2 : 0.02));
          const auto [least, most] = std::minmax_element(codes.codes.begin(), codes.codes.end());
          CHECK(*least >= -(1 << (bits - 1)));
          CHECK(*most < 1 << (bits - 1));
        }
      }
}

TEST_CASE("error feedback makes the output's error smaller, not the weight's") {
  const std::uint64_t rows = 64, cols = 64;
  const std::vector<float> values = random_values(rows * cols, 2);
  const MatrixView view{values, rows, cols};
  const Metric metric = correlated(1, cols);
  const GroupCodes fed = GroupQuantiser(SicPlan(metric), view, 1).round(4, 32);
  const GroupCodes nearest = GroupQuantiser(SicPlan(identity(1, cols)), view, 1).round(4, 32);
  CHECK(fed.error < 0.8 * relative(values, decoded(nearest, 32, 1), view, metric));
  CHECK(fed.weight_error > nearest.weight_error);
}

TEST_CASE("smaller groups and more bits are nearer") {
  const std::vector<float> values = random_values(64 * 128, 3);
  const SicPlan plan(identity(1, 128));
  const GroupQuantiser quantiser(plan, {values, 64, 128}, 1);
  CHECK(quantiser.round(4, 16).error < quantiser.round(4, 32).error);
  CHECK(quantiser.round(4, 32).error < quantiser.round(4, 0).error);
  CHECK(quantiser.round(8, 0).error < 0.2 * quantiser.round(4, 16).error);
}

TEST_CASE("a metric across the groups weighs errors and changes no code") {
  const std::vector<float> values = random_values(32 * 48, 4);
  const MatrixView view{values, 32, 48};
  Metric tokens = identity(0, 32);
  tokens.kind = Metric::Kind::diagonal;
  for (int i = 0; i < 32; ++i) tokens.values.push_back(i % 4 == 0 ? 100.0 : 0.5);
  const GroupCodes weighed = GroupQuantiser(SicPlan(tokens, 0), view, 1).round(4, 16);
  const GroupCodes plain = GroupQuantiser(SicPlan(identity(1, 48)), view, 1).round(4, 16);
  CHECK(weighed.codes == plain.codes);
  CHECK(weighed.scale_codes == plain.scale_codes);
  CHECK(weighed.error ==
        doctest::Approx(relative(values, decoded(weighed, 16, 1), view, tokens)).epsilon(1e-4));
}

TEST_CASE("weights of zeros, tiny and huge ones, and empty ones have codes") {
  for (const float factor : {0.0f, 1e-37f, 1e-44f, 3e37f}) {
    CAPTURE(factor);
    std::vector<float> values = random_values(20 * 33, 5);
    for (float& value : values) value *= factor;
    const SicPlan plan(identity(1, 33));
    const GroupCodes codes = GroupQuantiser(plan, {values, 20, 33}, 1).round(4, 16);
    CHECK(codes.scale_codes.size() == 20 * 3);
    for (const std::int32_t scale : codes.scale_codes) {
      CHECK(scale >= kLeastScaleCode);
      CHECK(scale <= kMostScaleCode);
    }
    if (factor == 0) CHECK(codes.error == 0);
    if (factor == 3e37f || factor == 1e-37f) CHECK(codes.weight_error < 0.2);
  }
  const SicPlan none(identity(1, 0));
  CHECK(GroupQuantiser(none, {{}, 5, 0}, 1).round(8, 0).scale_codes.empty());
}

TEST_CASE("group codes refuse what is not finite and metrics of another size") {
  std::vector<float> values(16 * 16, 1.0f);
  const SicPlan plan(identity(1, 16)), other(identity(1, 17));
  CHECK_THROWS_AS(GroupQuantiser(other, {values, 16, 16}, 1), tt::base::Error);
  values[7] = std::numeric_limits<float>::infinity();
  CHECK_THROWS_AS(GroupQuantiser(plan, {values, 16, 16}, 1), tt::base::Error);
}

TEST_CASE("scales have four significant bits and double every eight codes") {
  CHECK(group_scale(0) == 8);
  CHECK(group_scale(1) == -8);
  CHECK(group_scale(14) == 15);
  CHECK(group_scale(16) == 16);
  CHECK(group_scale(-2) == 7.5f);
  CHECK(group_scale(-1) == -7.5f);
  CHECK(std::isfinite(group_scale(kMostScaleCode)));
  CHECK(group_scale(kLeastScaleCode) > 0);
  CHECK(std::isfinite(group_scale(kMostScaleCode - 1)));
}
