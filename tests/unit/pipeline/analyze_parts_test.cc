// The parts of `analyze` that need no model.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/error.h"
#include "base/temporary_folder.h"
#include "pipeline/advice.h"
#include "pipeline/axis_labels.h"
#include "pipeline/patterns.h"
#include "pipeline/safety_order.h"
#include "pipeline/similarity.h"

using namespace tt;
using namespace tt::pipeline;

namespace {

AxisLabels labels_of(const std::string& text) {
  const base::TemporaryFolder folder;
  const std::string path = folder.path() + "/labels.txt";
  std::ofstream(path, std::ios::binary) << text;
  return AxisLabels::read(path);
}

base::ErrorKind kind_of(const std::string& text) {
  try {
    labels_of(text);
  } catch (const base::Error& error) {
    return error.kind();
  }
  return base::ErrorKind::internal;
}

std::vector<float> values_of(std::size_t count, int seed) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i)
    values[i] = static_cast<float>(std::sin(static_cast<double>(i * i + 1) * (seed + 1.3)));
  return values;
}

Sketch sketch(std::size_t weight, const std::vector<float>& values, std::uint64_t rows, std::uint64_t cols) {
  return sketch_of(weight, sample_of(values), tensor::components_of({values, rows, cols}, kDirections));
}

// Two points and an exact end.
plan::Curve curve_of(std::uint64_t elements, double loss) {
  return {{{.format = codec::Format::quant, .step = 0.5}, elements / 8, 4 * loss, 0},
          {{.format = codec::Format::quant, .step = 0.3}, elements / 4, loss, 0},
          {{.format = codec::Format::lossless}, 3 * elements, 0, 0}};
}

}  // namespace

TEST_CASE("labels name every line, and only axes of that length") {
  const AxisLabels labels = labels_of("zero\r\none\n\nth\xc3\xa9\n");
  CHECK(labels.size() == 4);
  CHECK(labels.at(4, 0) == "zero");
  CHECK(labels.at(4, 2).empty());
  CHECK(labels.at(4, 3) == "th\xc3\xa9");
  CHECK(labels.at(5, 1).empty());
  CHECK(labels_of("a\nb").size() == 2);
  CHECK(AxisLabels().at(0, 0).empty());
}

TEST_CASE("labels that cannot be used are refused") {
  CHECK(kind_of("") == base::ErrorKind::bad_data);
  CHECK(kind_of("good\nb\xff"
                "d\n") == base::ErrorKind::bad_data);
  CHECK(kind_of(std::string(kMaxLabelBytes + 1, 'x')) == base::ErrorKind::resource_limit);
  CHECK_THROWS_AS(AxisLabels::read("/nowhere/labels.txt"), base::Error);
}

TEST_CASE("a planted pattern is named with its strength, its ends and their labels") {
  std::vector<float> values(4 * 6);
  values[2 * 6 + 5] = 3;
  values[0 * 6 + 1] = -1;
  const std::vector<DominantPattern> patterns =
      component_patterns(tensor::components_of({values, 4, 6}, kDirections), 4, 6, labels_of("a\nb\nc\nd\n"));
  REQUIRE(patterns.size() == 2);
  CHECK(patterns[0].number == 1);
  CHECK(patterns[0].strength == doctest::Approx(0.9));
  REQUIRE(patterns[0].affected_topics.size() == 2);
  const Topic &output = patterns[0].affected_topics[0], &input = patterns[0].affected_topics[1];
  CHECK(output.axis == "output");
  CHECK(output.index == 2);
  CHECK(output.label == "c");
  CHECK(input.axis == "input");
  CHECK(input.index == 5);
  CHECK(input.label.empty());
  CHECK(input.loading == doctest::Approx(1));
  CHECK(patterns[0].description == "~1 of 6 inputs, most +5 -> ~1 of 4 outputs, most +2 'c'");
  CHECK(patterns[1].description == "~1 of 6 inputs, most +1 -> ~1 of 4 outputs, most -0 'a'");
}

TEST_CASE("patterns of modes have numbers of their own") {
  const std::vector<float> values = values_of(3 * 4 * 5, 1);
  const std::vector<DominantPattern> patterns = mode_patterns(
      tensor::mode_profiles(values, {3, 1, 4, 5}), {"outputs", "inputs", "tap rows", "tap columns"}, {});
  REQUIRE(patterns.size() == 3);
  CHECK(patterns[0].number == kComponents + 1);
  CHECK(patterns[1].number == kComponents + 3);
  CHECK(patterns[1].affected_topics[0].axis == "mode 3");
  for (const DominantPattern& pattern : patterns) CHECK((pattern.strength > 0 && pattern.strength <= 1));
}

TEST_CASE("a weight is like itself, its negative and a scaled copy, and unlike another") {
  const std::vector<float> a = values_of(40 * 50, 1), other = values_of(40 * 50, 2);
  std::vector<float> b = a;
  for (float& value : b) value *= -3;
  std::vector<SimilarPair> pairs =
      compare_all({sketch(0, a, 40, 50), sketch(1, other, 40, 50), sketch(2, b, 40, 50)});
  REQUIRE(pairs.size() == 3);
  sort_by_likeness(pairs);
  CHECK(pairs[0].first == 0);
  CHECK(pairs[0].second == 2);
  CHECK(pairs[0].cosine == doctest::Approx(-1));
  CHECK(pairs[0].output_overlap == doctest::Approx(1));
  CHECK(pairs[0].input_angle < 0.1);
  CHECK(likeness(pairs[1]) < 0.6);
}

TEST_CASE("a rotation of the outputs keeps the inputs' subspace") {
  const std::vector<float> a = values_of(40 * 50, 1);
  std::vector<float> b(a.size());
  for (std::size_t r = 0; r < 40; ++r)
    std::copy_n(a.begin() + static_cast<std::ptrdiff_t>(r * 50), 50,
                b.begin() + static_cast<std::ptrdiff_t>((39 - r) * 50));
  const SimilarPair pair = compare_all({sketch(0, a, 40, 50), sketch(1, b, 40, 50)})[0];
  CHECK(pair.input_overlap == doctest::Approx(1).epsilon(1e-3));
  CHECK(pair.output_overlap < 0.7);
}

TEST_CASE("zeros are like nothing") {
  const std::vector<float> zeros(12);
  const SimilarPair pair = compare_all({sketch(0, zeros, 3, 4), sketch(1, zeros, 3, 4)})[0];
  CHECK(pair.cosine == 0);
  CHECK(pair.output_overlap == 0);
}

TEST_CASE("safest is the least damage a byte, by the formula of the header") {
  const plan::Curve big = curve_of(8000, 0.1), small = curve_of(800, 0.1), precious = curve_of(8000, 0.1);
  const SafetyOrder order = safety_order(
      {{0, 800, 3200, &small, 1.0}, {1, 8000, 32000, &precious, 50.0}, {2, 8000, 32000, &big, 1.0}});
  CHECK(order.measured);
  REQUIRE(order.entries.size() == 3);
  CHECK(order.entries[0].weight == 2);
  CHECK(order.entries[1].weight == 0);
  CHECK(order.entries[2].weight == 1);
  CHECK(*order.entries[0].damage_per_byte == doctest::Approx(1.0 * 0.1 / (3 * 8000 - 2000)));
  CHECK(order.entries[2].damage_share == doctest::Approx(50.0 / 52));
  CHECK(order.entries[1].bytes_before == doctest::Approx(order.entries[0].bytes_share));
  double shares = 0;
  for (const SafetyEntry& entry : order.entries) shares += entry.bytes_share;
  CHECK(shares == doctest::Approx(1));
}

TEST_CASE("what was not measured counts as the most sensitive, all alike without measurements") {
  const plan::Curve curve = curve_of(8000, 0.1);
  const SafetyOrder some = safety_order(
      {{0, 8000, 32000, &curve, std::nullopt}, {1, 8000, 32000, &curve, 3.0}, {2, 8000, 32000, &curve, 0.5}});
  CHECK(some.entries[0].weight == 2);
  CHECK(some.entries[1].weight == 0);
  CHECK(some.entries[1].damage == doctest::Approx(0.3));
  const SafetyOrder none = safety_order({{0, 8000, 32000, &curve, std::nullopt}});
  CHECK_FALSE(none.measured);
  CHECK(none.entries[0].damage == doctest::Approx(0.1));
  CHECK(safety_order({}).entries.empty());
}

TEST_CASE("a weight that saves nothing comes last") {
  const plan::Curve exact = {{{.format = codec::Format::raw}, 64, 0, 0}}, curve = curve_of(8000, 0.5);
  const SafetyOrder order = safety_order({{0, 16, 64, &exact, 0.0}, {1, 8000, 32000, &curve, 9.0}});
  CHECK(order.entries[1].weight == 0);
  CHECK_FALSE(order.entries[1].damage_per_byte);
}

TEST_CASE("advice follows from the figures") {
  std::vector<WeightAnalysis> weights(3);
  const char* const names[] = {"table", "mid", "head"};
  for (std::size_t i = 0; i < 3; ++i) {
    weights[i].name = names[i];
    weights[i].elements = 1000;
    weights[i].outputs = weights[i].inputs = 100;
    weights[i].costs = {{0.1, {.format = codec::Format::quant}, 500, {}, {}, {}}};
  }
  weights[1].costs[0] = {0.1, {.format = codec::Format::lowrank, .rank = 7}, 250, {}, {}, {}};
  weights[0].random = true;
  weights[2].statistics.distinct = 3;
  weights[2].statistics.largest = 25;
  weights[1].statistics.zeros = 0.75;
  SafetyOrder order;
  order.measured = true;
  order.entries = {
      {.weight = 0, .damage_per_byte = 1.0, .damage_share = 0.02, .bytes_share = 0.7, .encoding = {}},
      {.weight = 1, .damage_per_byte = 2.0, .damage_share = 0.18, .bytes_share = 0.25, .encoding = {}},
      {.weight = 2, .damage_per_byte = 3.0, .damage_share = 0.8, .bytes_share = 0.05, .encoding = {}}};
  const std::vector<Advice> advice = advice_for(weights, order, {{0, 2, 0.99, 0, 0, 0, 0}});
  std::vector<std::string> texts;
  for (const Advice& one : advice) texts.push_back(one.kind + ": " + one.text);
  CHECK(
      texts ==
      std::vector<std::string>{
          "compress_first: compress 'table' first: 70 % of the bytes for 2 % of the predicted damage",
          "keep_exact: keep 'head' exact or nearly so: 80 % of the predicted damage for 5 % of the bytes",
          "low_rank: low rank pays for 'mid': 'mid' needs rank 7 of 100 at error 0.1, 2 bits a weight",
          "no_low_rank: no component stands out in 'table': a low rank gains nothing there, only fewer bits "
          "do",
          "few_values: few different values in 'head': 'head' has 3, lossless codes of them are small",
          "sparse: mostly zeros in 'mid': 75 % of 'mid'",
          "outliers: outliers in 'head': the largest of 'head' is 25 deviations from the mean, scales that a "
          "group shares would be wasted on it",
          "alike: nearly the same weights: 'table', 'head', cosine 0.990"});
  CHECK(advice_for(std::vector<WeightAnalysis>(2), {}, {}).empty());
}
