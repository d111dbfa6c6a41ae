// The core of `quant`: integer codes with a step for each row or column, entropy-coded. Coded factors are two
// of them. docs/formats/encodings.md ("quant") has the bytes.
#pragma once

#include "codec/codec.h"
#include "tensor/sic.h"

namespace tt::codec {

// Of the first byte: the streams of the codes are turned, and the height of a band follows the steps.
inline constexpr std::uint8_t kTurnedBands = 4;

// SicOptions::run for codes that write_quant_core() can write: how far a trellis reaches along the outputs.
// 0 where a trellis does not pay (few outputs) or takes too much memory.
std::uint64_t trellis_run(unsigned axis, std::uint64_t inputs, std::uint64_t outputs);

// `axis` as in tensor::Metric: where the inputs of the codes lie in the weight.
base::Bytes write_quant_core(const tensor::SicCodes& codes, unsigned axis);
// Size of write_quant_core() within 2 %, in a fraction of the time. `part`: the share of the weight's outputs
// that `codes` are.
double estimate_quant_core(const tensor::SicCodes& codes, unsigned axis, double part = 1);

// The steps alone. Errors: corrupt.
struct QuantSteps {
  unsigned axis = kNoAxis;   // where the inputs of the codes lie; kNoAxis: all have the same step
  float scale = 0;           // that one
  std::vector<float> steps;  // one an input, 0: all its codes are zero; empty for kNoAxis
};
QuantSteps read_quant_steps(const WeightLayout& layout, base::ByteView core);

// Every element is float32(code) * step, converted to the weight's type. Errors: corrupt.
void read_quant_core(const WeightLayout& layout, base::ByteView core, const PayloadSink& sink);

}  // namespace tt::codec
