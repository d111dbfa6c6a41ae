// The elements of a payload as doubles, block by block.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "tensor/dtype.h"

namespace tt::model {

// Exact for every type; `out` holds as many elements as `payload`.
void load_doubles(tensor::DType dtype, base::ByteView payload, std::span<double> out);
// Rounded to nearest.
void store_doubles(tensor::DType dtype, std::span<const double> values, std::span<std::uint8_t> payload);

std::vector<double> doubles_of(tensor::DType dtype, base::ByteView payload);

inline constexpr std::size_t kFoldBlock = 4096;

// Calls visit(index, value) for every element in order.
template <typename F>
void visit_doubles(tensor::DType dtype, base::ByteView payload, F&& visit) {
  std::array<double, kFoldBlock> block;
  const std::size_t size = tensor::element_size(dtype), count = payload.size() / size;
  for (std::size_t at = 0; at < count; at += kFoldBlock) {
    const std::size_t n = std::min(kFoldBlock, count - at);
    load_doubles(dtype, payload.subspan(at * size, n * size), std::span(block).first(n));
    for (std::size_t i = 0; i < n; ++i) visit(at + i, block[i]);
  }
}

struct Rounding {
  bool finite = true;
  double relative = 0;  // ||rounded - exact|| / ||exact||
};

// Replaces every element by f(index, value).
template <typename F>
Rounding transform_doubles(tensor::DType dtype, std::span<std::uint8_t> payload, F&& f) {
  std::array<double, kFoldBlock> exact, rounded;
  const std::size_t size = tensor::element_size(dtype), count = payload.size() / size;
  Rounding result;
  double error = 0, energy = 0;
  for (std::size_t at = 0; at < count; at += kFoldBlock) {
    const std::size_t n = std::min(kFoldBlock, count - at);
    const std::span<std::uint8_t> bytes = payload.subspan(at * size, n * size);
    load_doubles(dtype, bytes, std::span(exact).first(n));
    for (std::size_t i = 0; i < n; ++i) exact[i] = f(at + i, exact[i]);
    store_doubles(dtype, std::span(exact).first(n), bytes);
    load_doubles(dtype, bytes, std::span(rounded).first(n));
    for (std::size_t i = 0; i < n; ++i) {
      result.finite = result.finite && std::isfinite(rounded[i]);
      error += (rounded[i] - exact[i]) * (rounded[i] - exact[i]);
      energy += exact[i] * exact[i];
    }
  }
  result.relative = error == 0 ? 0 : std::sqrt(error / energy);
  return result;
}

}  // namespace tt::model
