#include "codec/code_bands.h"

namespace tt::codec {

void append_bands(std::uint64_t rows, std::uint64_t cols, const BandSource& band, base::Bytes& out) {
  const std::uint64_t most = band_rows(cols);
  for (std::uint64_t first = 0; first == 0 || first < rows; first += most) {
    const std::uint64_t count = std::min(most, rows - first);
    const base::Bytes stream = encode_codes({count, cols, band(first, count)});
    if (first + count < rows) append_varint(out, static_cast<std::uint32_t>(stream.size()));
    out.insert(out.end(), stream.begin(), stream.end());
  }
}

void decode_bands(ByteCursor& cursor, std::uint64_t rows, std::uint64_t cols, const BandRowSink& sink) {
  const std::uint64_t most = band_rows(cols);
  for (std::uint64_t first = 0; first == 0 || first < rows; first += most) {
    const std::uint64_t count = std::min(most, rows - first);
    const std::uint64_t size = first + count < rows ? cursor.varint() : cursor.left();
    decode_codes(cursor.take(size), count, cols, [&](std::uint64_t, std::span<const std::int32_t> codes) {
      for (std::uint64_t at = 0; at < codes.size(); at += cols) sink(codes.subspan(at, cols));
    });
  }
}

}  // namespace tt::codec
