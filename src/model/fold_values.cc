#include "model/fold_values.h"

#include <cstring>

namespace tt::model {

void load_doubles(tensor::DType dtype, base::ByteView payload, std::span<double> out) {
  if (dtype == tensor::DType::f64) {
    std::memcpy(out.data(), payload.data(), payload.size());
    return;
  }
  std::array<float, kFoldBlock> floats;
  const std::size_t size = tensor::element_size(dtype);
  for (std::size_t at = 0; at < out.size(); at += kFoldBlock) {
    const std::size_t n = std::min(kFoldBlock, out.size() - at);
    tensor::to_float(dtype, payload.subspan(at * size, n * size), std::span(floats).first(n));
    std::copy_n(floats.begin(), n, out.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

void store_doubles(tensor::DType dtype, std::span<const double> values, std::span<std::uint8_t> payload) {
  if (dtype == tensor::DType::f64) {
    std::memcpy(payload.data(), values.data(), payload.size());
    return;
  }
  std::array<float, kFoldBlock> floats;
  const std::size_t size = tensor::element_size(dtype);
  for (std::size_t at = 0; at < values.size(); at += kFoldBlock) {
    const std::size_t n = std::min(kFoldBlock, values.size() - at);
    for (std::size_t i = 0; i < n; ++i) floats[i] = static_cast<float>(values[at + i]);
    tensor::from_float(dtype, std::span<const float>(floats).first(n), payload.subspan(at * size, n * size));
  }
}

std::vector<double> doubles_of(tensor::DType dtype, base::ByteView payload) {
  std::vector<double> values(payload.size() / tensor::element_size(dtype));
  load_doubles(dtype, payload, values);
  return values;
}

}  // namespace tt::model
