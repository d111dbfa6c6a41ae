// What coding and decoding of code streams share: the header and the place of the plain bits.
#pragma once

#include <algorithm>
#include <cstdint>

#include "codec/code_model.h"
#include "codec/cursor.h"

namespace tt::codec {

inline constexpr std::uint32_t kCodeLow = 1u << 16;  // states lie in [2^16, 2^32) between symbols

void write_code_header(const CodeParameters& parameters, base::Bytes& out);
// Errors: corrupt.
CodeParameters read_code_header(ByteCursor& cursor);

// Bytes of plain bits at the end of a stream. The last 16 bits a lane lie in the lanes' states instead, as
// far as they belong to the last block.
inline std::uint64_t plain_bytes(std::uint64_t bits, std::uint64_t before_last, std::uint64_t lanes) {
  const std::uint64_t least = bits > 16 * lanes ? bits - 16 * lanes : 0;
  return (std::max(least, before_last) + 7) / 8;
}

}  // namespace tt::codec
