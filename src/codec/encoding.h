// An encoding: how one weight is stored. Parameters only, no data. One canonical text form, used by --tensor,
// plans and manifests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/dtype.h"

namespace tt::codec {

enum class Format : std::uint8_t { raw, lossless, f16, lowrank, tt, rounded, quant, blockquant, tucker };

std::string_view format_name(Format format);

inline constexpr unsigned kNoAxis = 2;

struct Encoding {
  Format format = Format::raw;
  std::uint64_t rank = 0;                             // lowrank; with a rate or step: no more than that
  std::vector<std::uint64_t> modes = {}, ranks = {};  // tt: d modes, d-1 inner ranks
  tensor::DType dtype = tensor::DType::f16;           // lowrank, tt: type of the cores, f16 or f32
  unsigned mantissa = 10;                             // f16: mantissa bits kept, 1..10; rounded: 1..51
  double rate = 0;  // quant, tucker, lowrank with coded cores: bits a weight, all included
  double step = 0;  // the same, instead: the relative output error if rounding errors were uniform
  // blockquant: bits a code, inputs that share a scale (0: all of an output's), the axis that groups run
  // along (0 rows, 1 columns; kNoAxis: that of the layer's input, chosen by plan).
  unsigned bits = 4;
  std::uint64_t group = 32;
  unsigned axis = kNoAxis;
  bool operator==(const Encoding&) const = default;
};

// True if rounding is done in the metric of the layer's input.
inline bool knows_metric(const Encoding& encoding) {
  return encoding.rate > 0 || encoding.step > 0 || encoding.format == Format::blockquant;
}

// Canonical: "raw", "lossless", "f16", "f16,mantissa=7", "rounded,mantissa=14", "quant,rate=3",
// "quant,step=0.0125", "tucker,step=0.0125", "blockquant,bits=4,group=32,axis=1", "lowrank,rank=32,step=0.1"
// (coded cores), "lowrank,rank=32,dtype=f16", "tt,modes=4x16x4x16,ranks=8x8x8,dtype=f16".
std::string spec_of(const Encoding& encoding);

// Parses a SPEC; keys may stand in any order, each once. Defaults: dtype f16, mantissa 10, bits 4, group
// 32; a missing rank, rate, step, modes, ranks or axis stays open (chosen later by plan). Errors: usage,
// naming the key and the allowed values. Works on untrusted manifests too.
Encoding parse_spec(const std::string& spec);

}  // namespace tt::codec
