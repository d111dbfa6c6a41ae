// Prices are estimates; what candidates turned out to weigh corrects those around them.
#pragma once

#include <cstdint>
#include <map>

#include "plan/curve.h"

namespace tt::plan {

// Bytes of candidates that were encoded, by their index in the curve.
using KnownSizes = std::map<std::size_t, std::uint64_t>;

// The curve with known bytes in place of estimated ones. Candidates between two known ones are scaled by a
// ratio that goes from that of one to that of the other in equal parts, those beyond the first and last by
// the ratio of that one. Bytes still ascend strictly: where they would not, a candidate counts as one byte
// larger than the one before.
Curve corrected(Curve curve, const KnownSizes& known);

}  // namespace tt::plan
