// Large matrices of codes are coded in bands of rows, so that what the coder needs in memory stays below some
// 50 MB. One code stream a band, each but the last after its size (docs/formats/encodings.md, "quant").
#pragma once

#include <algorithm>

#include "codec/code_coder.h"
#include "codec/cursor.h"

namespace tt::codec {

inline constexpr std::uint64_t kBandCodes = std::uint64_t{1} << 21;
inline std::uint64_t band_rows(std::uint64_t cols) {
  return std::max<std::uint64_t>(1, kBandCodes / std::max<std::uint64_t>(1, cols));
}

// How the codes of a matrix lie in their streams.
struct BandLayout {
  std::uint64_t rows = 0, cols = 0;
  std::uint64_t height = 0;  // rows of a band, but the last one; not 0
  bool turned = false;       // the stream of a band holds its columns as rows
  bool trellis = false;      // codes follow one along the rows of the stream (encoding only)
};
inline BandLayout band_layout(std::uint64_t rows, std::uint64_t cols) {
  return {rows, cols, band_rows(cols)};
}

// `band` gives the codes of some rows, column by column if turned.
using BandSource = std::function<std::vector<std::int32_t>(std::uint64_t first_row, std::uint64_t count)>;
void append_bands(const BandLayout& layout, const BandSource& band, base::Bytes& out);

// The bands are all that `cursor` has left. Rows, at least one column wide, go to `sink` in order, each once.
// Errors: corrupt.
using BandRowSink = std::function<void(std::span<const std::int32_t> row)>;
void decode_bands(ByteCursor& cursor, const BandLayout& layout, const BandRowSink& sink);

}  // namespace tt::codec
