#include "plan/rounding.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "tensor/matrix.h"

namespace tt::plan {
namespace {

using codec::Format;
using tensor::DType;

// Rounds to a finite half with any number of mantissa bits: 1.5 * 2^15.
constexpr float kLargestHalf = 49152;

bool fits_half(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::abs(v) <= kLargestHalf; });
}

double squared_half_error(std::span<const float> values, unsigned mantissa) {
  double squared = 0;
  for (float v : values) {
    const double d = double{v} - double{codec::round_half(v, mantissa)};
    squared += d * d;
  }
  return squared;
}

// What is measured at one number of bits; between two of them bytes are linear (the bits that go are noise)
// and the squared error falls by four a bit.
struct Anchor {
  unsigned bits = 0;
  double bytes = 0, squared_error = 0;
};

// The certificate's own measure, in double for f64: what is predicted as exact must be exact.
double payload_error(const codec::WeightData& weight, base::Bytes payload) {
  const std::vector<codec::Core> cores{{{weight.layout.dtype, weight.layout.shape}, std::move(payload)}};
  return codec::relative_error(weight, {.format = Format::raw}, codec::MemoryCores(cores));
}

Anchor measure(const codec::WeightData& weight, unsigned bits) {
  codec::WeightData rounded = codec::round_mantissa(weight, bits);
  const auto bytes = static_cast<double>(codec::estimate_lossless(rounded));
  const double error = payload_error(weight, std::move(rounded.payload));
  return {bits, bytes, error * error};
}

Candidate between(const Anchor& low, const Anchor& high, unsigned bits) {
  const double part = static_cast<double>(bits - low.bits) / static_cast<double>(high.bits - low.bits);
  const double squared = std::ldexp(low.squared_error, -2 * static_cast<int>(bits - low.bits));
  return {{.format = Format::rounded, .mantissa = bits},
          static_cast<std::uint64_t>(std::lround(low.bytes + part * (high.bytes - low.bytes))),
          squared,
          std::sqrt(squared)};
}

std::vector<unsigned> anchor_bits(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return {11, 16, 22};
    case DType::bf16:
      return {1, 3, 6};
    case DType::f64:
      return {11, 22, 36, 51};
    case DType::f16:
      break;
  }
  return {};  // `f16` has all of them
}

}  // namespace

double narrowing_error(const codec::WeightData& weight) {
  if (weight.layout.dtype != DType::f64) return 0;
  base::Bytes payload(weight.payload.size());
  tensor::from_float(DType::f64, weight.values(), payload);
  return payload_error(weight, std::move(payload));
}

std::vector<Candidate> price_halves(std::span<const float> values, unsigned fewest) {
  std::vector<Candidate> candidates;
  if (!fits_half(values)) return candidates;
  const double norm = tensor::squared_norm(values);
  for (unsigned mantissa = fewest; mantissa <= 10; ++mantissa) {
    const double squared = norm > 0 ? squared_half_error(values, mantissa) / norm : 0;
    candidates.push_back({{.format = Format::f16, .mantissa = mantissa},
                          codec::estimate_f16(values, mantissa),
                          squared,
                          std::sqrt(squared)});
  }
  return candidates;
}

std::vector<Candidate> price_rounded(const codec::WeightData& weight) {
  std::vector<Candidate> candidates;
  try {
    const std::vector<unsigned> bits = anchor_bits(weight.layout.dtype);
    std::vector<Anchor> anchors;
    for (unsigned count : bits) anchors.push_back(measure(weight, count));
    for (std::size_t i = 0; i + 1 < anchors.size(); ++i)
      for (unsigned count = bits[i] + (i > 0); count <= bits[i + 1]; ++count)
        candidates.push_back(between(anchors[i], anchors[i + 1], count));
  } catch (const base::Error&) {
    candidates.clear();  // a value would round to infinity
  }
  return candidates;
}

}  // namespace tt::plan
