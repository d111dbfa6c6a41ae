// One side of a factorised weight, to be changed without its other cores.
//
// The matrix view of a weight is a product A B, and a change of its columns alone, W' = W + (W Q) P, is one
// of B alone: B' = B + (B Q) P; of its rows, one of A alone. That takes one core that holds the whole side:
//   lowrank: core 0 (rows x rank) or core 1 (rank x cols), plain or coded
//   tt: the first core where the first mode is `rows`, the last one where the last mode is `cols`. A side
//   that is several modes is spread over as many cores, and a change of it needs higher ranks than they have.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "codec/codec.h"

namespace tt::codec {

struct SideCore {
  std::size_t core = 0;
  std::uint64_t rows = 0, cols = 0;  // one of them is the side
  std::vector<float> values;         // rows x cols, row-major
};

// Of the rows (axis 0) or columns (1); nothing if no one core holds them. `encoding` was checked. Errors:
// corrupt.
std::optional<SideCore> side_core(const WeightLayout& layout, const Encoding& encoding,
                                  const CoreReader& cores, unsigned axis);

// What counts when new values are rounded to codes.
struct SideRounding {
  // Of this side. Where it is that of the inputs, steps and codes are those of successive interference
  // cancellation in it (tensor/sic.h), at the same mean of the steps' logarithms as before. Null, or on the
  // other side: the steps stay, ...
  const tensor::Metric* metric = nullptr;
  // ... and errors cancel along these (codec/cancelled_codes.h): orthonormal rows of the side's length.
  std::span<const double> directions = {};
};
// The core with other values of the same shape; a coded one has about the size that it had. Errors: bad_data
// for values that are not finite or too large for the type of the core.
Core with_values(const WeightLayout& layout, const Encoding& encoding, const CoreReader& cores,
                 const SideCore& side, const SideRounding& rounding);

}  // namespace tt::codec
