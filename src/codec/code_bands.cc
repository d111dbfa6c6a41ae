#include "codec/code_bands.h"

namespace tt::codec {

namespace {

// A band whose columns come one after the other, given as rows.
class Turned {
 public:
  Turned(std::uint64_t rows, std::uint64_t cols) : rows_(rows), codes_(rows * cols) {}
  void take(std::uint64_t first, std::span<const std::int32_t> columns) {
    std::copy(columns.begin(), columns.end(), codes_.begin() + static_cast<std::ptrdiff_t>(first * rows_));
  }
  // A few rows at a time: each of the cache lines is then read once.
  void give(std::uint64_t cols, const BandRowSink& sink) const {
    constexpr std::uint64_t kTile = 16;
    std::vector<std::int32_t> tile(kTile * cols);
    for (std::uint64_t first = 0; first < rows_; first += kTile) {
      const std::uint64_t count = std::min(kTile, rows_ - first);
      for (std::uint64_t c = 0; c < cols; ++c)
        for (std::uint64_t r = 0; r < count; ++r) tile[r * cols + c] = codes_[c * rows_ + first + r];
      for (std::uint64_t r = 0; r < count; ++r) sink(std::span(tile).subspan(r * cols, cols));
    }
  }

 private:
  std::uint64_t rows_;
  std::vector<std::int32_t> codes_;
};

void decode_turned(base::ByteView stream, std::uint64_t rows, std::uint64_t cols, const BandRowSink& sink) {
  Turned band(rows, cols);
  decode_codes(stream, cols, rows,
               [&](std::uint64_t first, std::span<const std::int32_t> codes) { band.take(first, codes); });
  band.give(cols, sink);
}

void decode_straight(base::ByteView stream, std::uint64_t rows, std::uint64_t cols, const BandRowSink& sink) {
  decode_codes(stream, rows, cols, [&](std::uint64_t, std::span<const std::int32_t> codes) {
    for (std::uint64_t at = 0; at < codes.size(); at += cols) sink(codes.subspan(at, cols));
  });
}

}  // namespace

void append_bands(const BandLayout& layout, const BandSource& band, base::Bytes& out) {
  for (std::uint64_t first = 0; first == 0 || first < layout.rows; first += layout.height) {
    const std::uint64_t count = std::min(layout.height, layout.rows - first);
    const std::vector<std::int32_t> codes = band(first, count);
    const base::Bytes stream = layout.turned ? encode_codes({layout.cols, count, codes, layout.trellis})
                                             : encode_codes({count, layout.cols, codes, layout.trellis});
    if (first + count < layout.rows) append_varint(out, static_cast<std::uint32_t>(stream.size()));
    out.insert(out.end(), stream.begin(), stream.end());
  }
}

void decode_bands(ByteCursor& cursor, const BandLayout& layout, const BandRowSink& sink) {
  for (std::uint64_t first = 0; first == 0 || first < layout.rows; first += layout.height) {
    const std::uint64_t count = std::min(layout.height, layout.rows - first);
    const std::uint64_t size = first + count < layout.rows ? cursor.varint() : cursor.left();
    (layout.turned ? decode_turned : decode_straight)(cursor.take(size), count, layout.cols, sink);
  }
}

}  // namespace tt::codec
