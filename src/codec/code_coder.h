// Entropy coding of matrices of integer codes (quantised weights).
//
// The statistics are taken per column: columns may have very different scales (from all zero to hundreds),
// values are roughly symmetric around zero with tails that may be heavy. docs/formats/encodings.md ("Code
// streams") has the bytes; a stream does not hold the shape.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "base/bytes.h"

namespace tt::codec {

struct CodeMatrix {
  std::uint64_t rows = 0, cols = 0;
  std::span<const std::int32_t> codes;  // row-major, rows * cols; any int32
  // The codes of every row follow a trellis (tensor/trellis.h): which of them are even, and one bit of most
  // of the others, need not be stored.
  bool trellis = false;
};

// The stream; the same bytes for the same codes. An empty matrix has an empty stream.
base::Bytes encode_codes(const CodeMatrix& matrix);

// About 8 * encode_codes(matrix).size() (within 2 % and a few bytes), in a fraction of the time.
double estimate_bits(const CodeMatrix& matrix);

using CodeSink = std::function<void(std::uint64_t first_row, std::span<const std::int32_t> codes)>;

// Gives whole rows to `sink`, in order, each once (row-major, cols codes a row). Memory: a few rows, never
// more than a small multiple of `stream` and of cols. Time is linear in rows * cols, which the caller bounds.
// Errors: corrupt if `stream` is not a whole stream of such a matrix (some rows may have been given before
// that).
void decode_codes(base::ByteView stream, std::uint64_t rows, std::uint64_t cols, const CodeSink& sink);

}  // namespace tt::codec
