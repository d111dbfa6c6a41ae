// Range asymmetric numeral systems: entropy coding of symbols 0..255 with static frequencies.
//
// Duda, Asymmetric numeral systems, arXiv 1311.2540; 32-bit states with 16-bit words as in F. Giesen's
// ryg_rans. A state x lies in [2^16, 2^32) between symbols. With frequencies f summing to M = 2^12 and their
// running sums c, coding a symbol s is
//   while x >= f << 20: emit the low 16 bits of x, x >>= 16;   x = ((x / f) << 12) + x % f + c
// and decoding is
//   slot = x & 4095; s = the symbol with c <= slot < c + f; x = f * (x >> 12) + slot - c; if x < 2^16: x = x
//   << 16 | next word.
// Many states (lanes) share one sequence of words: symbol i belongs to lane i mod L, so that L decoding steps
// are independent of each other (a CPU overlaps them, numpy takes all lanes at once). Coding runs from the
// last symbol to the first, starting every lane at 2^16; so decoding must end with every lane at 2^16 and no
// word left, which is checked.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "codec/cursor.h"

namespace tt::codec {

inline constexpr unsigned kRansBits = 12;
inline constexpr std::uint32_t kRansTotal = 1u << kRansBits;
inline constexpr std::uint32_t kRansLow = 1u << 16;

// One coding step; words come out in the order opposite to reading. start + frequency <= 2^12, frequency > 0.
inline void rans_put(std::uint32_t& state, std::uint32_t start, std::uint32_t frequency,
                     std::vector<std::uint16_t>& words) {
  if ((static_cast<std::uint64_t>(frequency) << (32 - kRansBits)) <= state) {
    words.push_back(static_cast<std::uint16_t>(state));
    state >>= 16;
  }
  state = ((state / frequency) << kRansBits) + state % frequency + start;
}

// Frequencies of the symbols 0..size-1, summing to 2^12 (or empty: a context that never occurs).
class FrequencyTable {
 public:
  // Every symbol that occurs gets a frequency of at least 1; the sum is met with the least loss. At most 256
  // counts.
  static FrequencyTable fit(std::span<const std::uint32_t> counts);
  // Reads what write() wrote. Errors: corrupt (sum is not 2^12, symbol at or above `alphabet`).
  static FrequencyTable parse(ByteCursor& cursor, std::uint32_t alphabet);
  void write(base::Bytes& out) const;
  std::uint64_t written_size() const;

  bool empty() const { return frequency_.empty(); }
  std::uint32_t frequency(std::uint32_t symbol) const { return frequency_[symbol]; }
  std::uint32_t start(std::uint32_t symbol) const { return start_[symbol]; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(frequency_.size()); }
  // Bits that symbols with these counts take when coded with this table.
  double cost_bits(std::span<const std::uint32_t> counts) const;

 private:
  void sum_up();
  std::vector<std::uint32_t> frequency_, start_;
};

// What decoding looks up for a slot: symbol | (frequency - 1) << 8 | (slot - start) << 20.
using DecodeTable = std::array<std::uint32_t, kRansTotal>;
void fill_decode_table(const FrequencyTable& table, DecodeTable& out);

// Lanes used for `count` symbols: the largest power of two <= count / 2048, at least 1, at most 128.
std::uint32_t rans_lanes(std::uint64_t count);

// Which table codes which symbol: symbol i uses tables[class_of[context[i]]], `context` being one byte a
// symbol.
struct RansContext {
  const std::uint8_t* context = nullptr;  // null: tables[0] for all
  std::array<std::uint8_t, 256> class_of{};
};

// Stream: varint number of words, the lanes' states (u32 each), the words (u16 each).
void rans_encode(std::span<const std::uint8_t> symbols, const RansContext& context,
                 std::span<const FrequencyTable> tables, base::Bytes& out);
// Fills `symbols`. `context.context` may point into symbols at a distance of at least rans_lanes() behind, so
// that symbols serve as context for later ones. Errors: corrupt.
void rans_decode(ByteCursor& cursor, const RansContext& context, std::span<const DecodeTable> tables,
                 std::span<std::uint8_t> symbols);

}  // namespace tt::codec
