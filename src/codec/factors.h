// The two factors behind a stored weight, for models that keep them apart: W = left * right of its matrix
// view, left rows x rank, right rank x cols.
//
//   lowrank: its two cores.
//   tt: the cores left and right of the first boundary where the modes multiply to `rows`, contracted by
//   tensor::contract_at. No such boundary: no factors.
//   Other formats have none.
//
// Values are float32 as decode() multiplies them (a train is contracted in another order where that boundary
// is not the decoder's: equal up to rounding), balanced by powers of two for a weight of float16
// (core_rounding.h).
#pragma once

#include <cstdint>
#include <optional>

#include "codec/codec.h"

namespace tt::codec {

// True for the formats above: a weight of one of them may still have no factors.
bool stores_factors(Format format);

// The rank of factors_of(), without reading the cores; nothing where there are no factors. `encoding` was
// checked.
std::optional<std::uint64_t> factor_rank(const WeightLayout& layout, const Encoding& encoding,
                                         const CoreReader& cores);
// Errors: corrupt, as Codec::decode. Memory: both factors and, for `tt`, at most twice the weight.
std::optional<tensor::LowRank> factors_of(const WeightLayout& layout, const Encoding& encoding,
                                          const CoreReader& cores);

}  // namespace tt::codec
