// Weights for tests, and short forms of encoding and decoding.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "codec/codec.h"
#include "tensor/metric.h"

extern "C" void openblas_set_num_threads(int);
// Before any thread starts: OpenBLAS has no lock of its own.
inline const bool one_thread = (openblas_set_num_threads(1), true);

inline std::vector<tt::codec::Core> encode(const tt::codec::WeightData& weight,
                                           const tt::codec::Encoding& encoding) {
  return tt::codec::codec_for(encoding.format).encode(weight, encoding);
}
inline std::vector<tt::codec::Core> encode_for(const tt::codec::WeightData& weight,
                                               const tt::codec::Encoding& encoding,
                                               const tt::tensor::Metric* metric) {
  return tt::codec::codec_for(encoding.format).encode(weight, encoding, {.metric = metric});
}
inline tt::base::Bytes decode(const tt::codec::WeightLayout& layout, const tt::codec::Encoding& encoding,
                              const std::vector<tt::codec::Core>& cores) {
  return tt::codec::decode_all(layout, encoding, tt::codec::MemoryCores(cores));
}

inline tt::codec::WeightLayout layout_of(tt::tensor::DType dtype, const tt::tensor::Shape& shape) {
  const std::uint64_t count = tt::tensor::element_count(shape);
  const std::uint64_t rows = shape.size() > 1 ? shape[0] : 1;
  return {dtype, shape, rows, rows == 0 ? 0 : count / rows};
}

inline std::vector<float> bell_values(std::size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::vector<float> values(count);
  for (float& value : values) {
    double sum = 0;
    for (int i = 0; i < 6; ++i) sum += static_cast<double>(generator()) / 4294967296.0 - 0.5;
    value = static_cast<float>(0.05 * sum);
  }
  return values;
}

// 0: trained-like values; 1: random bits (NaN, infinity, denormals included); 2: denormals, zeros of both
// signs, NaN; 3: few distinct values; 4: constant; 5: zeros.
inline constexpr int kSampleKinds = 6;
inline tt::codec::WeightData sample_weight(tt::tensor::DType dtype, const tt::tensor::Shape& shape,
                                           int kind) {
  tt::codec::WeightData weight{layout_of(dtype, shape), {}};
  weight.payload.resize(weight.layout.payload_size());
  std::vector<float> values = bell_values(weight.layout.elements(), 42);
  if (kind == 2) {
    const float special[] = {0.0f,      -0.0f, 1e-42f, -1e-40f, std::numeric_limits<float>::quiet_NaN(),
                             -INFINITY, 6e-8f, 1.0f};
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = special[(i * 7 + i / 5) % 8];
  }
  if (kind == 3) {
    for (float& value : values) value = static_cast<float>(static_cast<int>(value * 100)) * 0.37f;
  }
  if (kind == 4) values.assign(values.size(), -0.3f);
  if (kind == 5) values.assign(values.size(), 0.0f);
  tt::tensor::from_float(dtype, values, weight.payload);
  if (kind == 1) {
    std::mt19937 generator(7);
    for (std::uint8_t& byte : weight.payload) byte = static_cast<std::uint8_t>(generator() >> 9);
  }
  return weight;
}

inline tt::codec::WeightData weight_from(const std::vector<float>& values, const tt::tensor::Shape& shape) {
  tt::codec::WeightData weight{layout_of(tt::tensor::DType::f32, shape), tt::base::Bytes(values.size() * 4)};
  tt::tensor::from_float(tt::tensor::DType::f32, values, weight.payload);
  return weight;
}
inline tt::codec::WeightData halves_as_floats(const tt::tensor::Shape& shape) {
  std::vector<float> values = bell_values(tt::tensor::element_count(shape), 3);
  for (float& value : values) value = tt::codec::round_half(value, 10);
  return weight_from(values, shape);
}
inline tt::codec::WeightData half_zero(const tt::tensor::Shape& shape) {
  std::vector<float> values = bell_values(tt::tensor::element_count(shape), 3);
  std::mt19937 generator(5);
  for (float& value : values) value = generator() % 2 == 0 ? 0.0f : value;
  return weight_from(values, shape);
}
inline tt::codec::WeightData repeated_rows(std::uint64_t rows, std::uint64_t cols) {
  const std::vector<float> row = bell_values(cols, 9);
  std::vector<float> values;
  for (std::uint64_t i = 0; i < rows; ++i) values.insert(values.end(), row.begin(), row.end());
  return weight_from(values, {rows, cols});
}

// Inputs of very different size that depend on each other.
inline tt::tensor::Metric metric_of(std::uint64_t n, unsigned axis) {
  const std::vector<float> inputs = bell_values(3 * n * n, 77);
  tt::tensor::Metric metric{tt::tensor::Metric::Kind::full, axis, n, static_cast<double>(3 * n),
                            std::vector<double>(n * n)};
  const auto input = [&](std::uint64_t t, std::uint64_t i) {
    return static_cast<double>(inputs[t * n + i]) * static_cast<double>(1 + i % 7) +
           0.5 * static_cast<double>(inputs[t * n]);
  };
  for (std::uint64_t i = 0; i < n; ++i)
    for (std::uint64_t j = 0; j < n; ++j)
      for (std::uint64_t t = 0; t < 3 * n; ++t) metric.values[i * n + j] += input(t, i) * input(t, j);
  return metric;
}
