// One side of a factorised weight, changed without its other cores.
#include "codec/side_core.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/error.h"
#include "codec/cancelled_codes.h"
#include "samples.h"
#include "tensor/projection.h"
#include "tensor/sic.h"

using namespace tt;
using codec::Encoding;
using codec::Format;
using codec::SideCore;
using tensor::DType;

namespace {

constexpr std::uint64_t kRows = 96, kCols = 64;

// Eight components of falling strength, and noise.
codec::WeightData layered() {
  const std::vector<float> left = bell_values(kRows * 8, 1), right = bell_values(8 * kCols, 2);
  std::vector<float> values = bell_values(kRows * kCols, 3);
  for (std::uint64_t i = 0; i < kRows; ++i)
    for (std::uint64_t j = 0; j < kCols; ++j) {
      values[i * kCols + j] *= 0.01f;
      for (std::uint64_t k = 0; k < 8; ++k)
        values[i * kCols + j] += 10 * left[i * 8 + k] * right[k * kCols + j] / static_cast<float>(1 + k);
    }
  codec::WeightData weight{layout_of(DType::f32, {kRows, kCols}), {}};
  weight.payload.resize(weight.layout.payload_size());
  tensor::from_float(DType::f32, values, weight.payload);
  return weight;
}

tensor::Projection direction_of(std::uint64_t length) {
  const std::vector<float> values = bell_values(2 * length, 4);
  return tensor::orthogonal_projection({values.begin(), values.end()}, 2, length);
}

tensor::Metric input_metric(unsigned axis) {
  const std::uint64_t n = axis == 1 ? kCols : kRows;
  const std::vector<float> x = bell_values(4 * n * n, 5);
  tensor::Metric metric{tensor::Metric::Kind::full, axis, n, static_cast<double>(4 * n),
                        std::vector<double>(n * n)};
  for (std::uint64_t s = 0; s < 4 * n; ++s)
    for (std::uint64_t i = 0; i < n; ++i)
      for (std::uint64_t j = 0; j < n; ++j)
        metric.values[i * n + j] += double{x[s * n + i]} * double{x[s * n + j]} * (i < 8 ? 9 : 1);
  for (std::uint64_t i = 0; i < n; ++i)
    for (std::uint64_t j = 0; j < i; ++j) metric.values[j * n + i] = metric.values[i * n + j];
  return metric;
}

struct Stored {
  codec::WeightLayout layout;
  Encoding encoding;
  std::vector<codec::Core> cores;

  std::vector<float> values() const {
    return codec::WeightData{layout, decode(layout, encoding, cores)}.values();
  }
};

Stored stored(const Encoding& encoding, const tensor::Metric* metric = nullptr) {
  const codec::WeightData weight = layered();
  Stored made{weight.layout, encoding, encode_for(weight, encoding, metric)};
  made.encoding = codec::codec_for(encoding.format).settled(encoding, codec::MemoryCores(made.cores));
  return made;
}

// The directions are taken out of the side in its core; the other cores keep their bytes.
Stored projected(const Stored& before, unsigned axis, const tensor::Projection& projection,
                 const tensor::Metric* metric = nullptr) {
  const codec::MemoryCores cores(before.cores);
  std::optional<SideCore> side = codec::side_core(before.layout, before.encoding, cores, axis);
  REQUIRE(side);
  side->values = tensor::projected({side->values, side->rows, side->cols}, projection, axis, -1);
  Stored after = before;
  after.cores[side->core] =
      codec::with_values(before.layout, before.encoding, cores, *side, {metric, projection.directions});
  for (std::size_t c = 0; c < after.cores.size(); ++c)
    CHECK((after.cores[c].bytes == before.cores[c].bytes) == (c != side->core));
  return after;
}

double response(const Stored& weight, const tensor::Projection& projection, unsigned axis) {
  return tensor::response({weight.values(), kRows, kCols}, projection, axis);
}

}  // namespace

TEST_CASE("a plain core takes the projection, for rows and columns") {
  for (const Encoding& encoding :
       {Encoding{.format = Format::lowrank, .rank = 8, .dtype = DType::f32},
        Encoding{.format = Format::tt, .modes = {kRows, kCols}, .ranks = {8}, .dtype = DType::f32},
        Encoding{.format = Format::tt, .modes = {kRows, 8, kCols / 8}, .ranks = {8, 8}, .dtype = DType::f32}})
    for (const unsigned axis : {0u, 1u}) {
      CAPTURE(codec::spec_of(encoding));
      if (encoding.modes.size() == 3 && axis == 1) continue;
      const Stored before = stored(encoding);
      const tensor::Projection p = direction_of(axis == 1 ? kCols : kRows);
      const Stored after = projected(before, axis, p);
      const std::vector<float> wanted = tensor::projected({before.values(), kRows, kCols}, p, axis, -1);
      CHECK(tensor::squared_distance(after.values(), wanted) < 1e-10 * tensor::squared_norm(wanted));
    }
}

TEST_CASE("a side of several modes is in no one core") {
  const Stored spread = stored({.format = Format::tt, .modes = {8, 12, 8, 8}, .ranks = {8, 8, 8}});
  const Stored single = stored({.format = Format::tt, .modes = {kRows * kCols}, .ranks = {}});
  const Stored other = stored({.format = Format::quant, .step = 0.05});
  for (const unsigned axis : {0u, 1u}) {
    CHECK_FALSE(codec::side_core(spread.layout, spread.encoding, codec::MemoryCores(spread.cores), axis));
    CHECK_FALSE(codec::side_core(single.layout, single.encoding, codec::MemoryCores(single.cores), axis));
    CHECK_FALSE(codec::side_core(other.layout, other.encoding, codec::MemoryCores(other.cores), axis));
  }
}

TEST_CASE("a coded core keeps its steps, and its errors cancel along the directions") {
  for (const unsigned inputs : {0u, 1u})
    for (const unsigned axis : {0u, 1u}) {
      CAPTURE(inputs);
      CAPTURE(axis);
      const tensor::Metric metric = input_metric(inputs);
      const Stored before = stored({.format = Format::lowrank, .step = 0.05}, &metric);
      const tensor::Projection p = direction_of(axis == 1 ? kCols : kRows);
      const Stored after = projected(before, axis, p);
      const std::vector<float> wanted = tensor::projected({before.values(), kRows, kCols}, p, axis, -1);
      CHECK(tensor::squared_distance(after.values(), wanted) < 0.15 * 0.15 * tensor::squared_norm(wanted));
      CHECK(response(after, p, axis) < 0.02 * response(before, p, axis));
      std::size_t bytes_before = 0, bytes_after = 0;
      for (const codec::Core& core : before.cores) bytes_before += core.bytes.size();
      for (const codec::Core& core : after.cores) bytes_after += core.bytes.size();
      CHECK(static_cast<double>(bytes_after) < 1.5 * static_cast<double>(bytes_before));
    }
}

TEST_CASE("values that did not change are rounded to themselves") {
  const Stored before = stored({.format = Format::lowrank, .step = 0.05});
  for (const unsigned axis : {0u, 1u}) {
    const codec::MemoryCores cores(before.cores);
    const SideCore side = *codec::side_core(before.layout, before.encoding, cores, axis);
    Stored after = before;
    after.cores[side.core] = codec::with_values(before.layout, before.encoding, cores, side, {});
    const std::vector<float> a = before.values(), b = after.values();
    CHECK(tensor::squared_distance(a, b) < 0.05 * 0.05 * tensor::squared_norm(a));
  }
}

TEST_CASE("with a metric the layer's output is kept better than without") {
  for (const unsigned inputs : {0u, 1u}) {
    tensor::Metric metric = input_metric(inputs);
    const Stored before = stored({.format = Format::lowrank, .step = 0.05}, &metric);
    const tensor::Projection p = direction_of(metric.size);
    const std::vector<float> wanted = tensor::projected({before.values(), kRows, kCols}, p, inputs, -1);
    const auto lost = [&](const Stored& after) {
      std::vector<float> errors = after.values();
      for (std::size_t i = 0; i < errors.size(); ++i) errors[i] -= wanted[i];
      return tensor::metric_energy({errors, kRows, kCols}, metric);
    };
    CHECK(lost(projected(before, inputs, p, &metric)) < lost(projected(before, inputs, p)));
  }
}

TEST_CASE("values that a core cannot hold are refused") {
  const Stored halves = stored({.format = Format::lowrank, .rank = 8, .dtype = DType::f16});
  const Stored coded = stored({.format = Format::lowrank, .step = 0.05});
  for (const Stored* weight : {&halves, &coded}) {
    const codec::MemoryCores cores(weight->cores);
    SideCore side = *codec::side_core(weight->layout, weight->encoding, cores, 1);
    side.values[3] = weight == &halves ? 70000.0f : std::numeric_limits<float>::infinity();
    CHECK_THROWS_AS(codec::with_values(weight->layout, weight->encoding, cores, side, {}), base::Error);
  }
}

TEST_CASE("errors of codes cancel along a direction for next to nothing") {
  constexpr std::uint64_t kInputs = 40, kOutputs = 30;
  const std::vector<float> values = bell_values(kInputs * kOutputs, 7);
  tensor::SicCodes codes{kInputs, kOutputs, 0, {}, 0.02f, {}, 0, 0};
  for (const float value : values)
    codes.codes.push_back(static_cast<std::int32_t>(std::lround(value / 0.02f)));
  for (const bool along_inputs : {false, true}) {
    const std::uint64_t length = along_inputs ? kInputs : kOutputs;
    const tensor::Projection p = direction_of(length);
    const auto measure = [&](const tensor::SicCodes& of) {
      std::vector<float> errors(values.size());
      for (std::size_t i = 0; i < errors.size(); ++i)
        errors[i] = static_cast<float>(of.codes[i]) * 0.02f - values[i];
      return std::pair(tensor::squared_norm(errors),
                       tensor::response({errors, kInputs, kOutputs}, p, along_inputs ? 0 : 1));
    };
    tensor::SicCodes better = codes;
    codec::cancel_errors(better, values, along_inputs, p.directions);
    CHECK(measure(better).second < 0.3 * measure(codes).second);
    CHECK(measure(better).first < 1.3 * measure(codes).first);
    tensor::SicCodes same = codes;
    codec::cancel_errors(same, values, along_inputs, {});
    CHECK(same.codes == codes.codes);
  }
}
