// The adaptive model of integer codes: which distribution codes which element, from elements already coded.
//
// Magnitudes are modelled as having the expected value column scale * row scale. Rows come in blocks of up to
// 64 rows (lanes) that are walked column by column; column scales are learned from whole earlier blocks, row
// scales from the row's earlier columns. The expected magnitude falls into one of 52 classes (four an
// octave), each with an adaptive frequency table. docs/formats/encodings.md ("Code streams") defines every
// operation: floats are IEEE single or double, in the given order, so that every reader gets the same bits.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace tt::codec {

inline constexpr unsigned kCodeBits = 15;
inline constexpr std::uint32_t kCodeTotal = 1u << kCodeBits;
inline constexpr std::uint32_t kMaxLanes = 64;
inline constexpr std::uint32_t kCodeClasses = 52;
inline constexpr std::uint32_t kMaxSymbol = 32;

// Symbols 0..limit-1 are magnitudes, `limit` is the escape.
constexpr std::uint32_t escape_symbol(std::uint32_t code_class) {
  return code_class < 20 ? 8 : kMaxSymbol;
}

// What a stream's header says.
struct CodeParameters {
  std::uint8_t scale = 0;         // the mean magnitude, see initial_scale(); 0: all codes are zero
  std::uint8_t lanes_log2 = 0;    // 0..6
  std::uint8_t row_prior = 0;     // 0..2: 4, 16, 64 columns' worth; 3: rows have no scale of their own
  std::uint8_t column_prior = 0;  // 0: 4 rows' worth, 1: 1 row's worth
  std::uint32_t period = 0;       // groups of that many columns have a scale within the row; 0: none

  std::uint32_t lanes() const { return 1u << lanes_log2; }
};

// 2^(scale / 4 - 32), linear between powers of two.
float initial_scale(std::uint8_t scale);
std::uint8_t nearest_scale(double mean);

// Adaptive frequencies of the symbols of one class. A symbol's interval is [bound[s], bound[s + 1]).
struct CodeTable {
  alignas(64) std::array<std::uint16_t, kMaxSymbol + 2> bound{};
  std::array<std::int32_t, kMaxSymbol + 1> count{};
  bool changed = true;

  std::uint32_t start(std::uint32_t symbol) const { return bound[symbol]; }
  std::uint32_t frequency(std::uint32_t symbol) const {
    return static_cast<std::uint32_t>(bound[symbol + 1]) - bound[symbol];
  }
  std::uint32_t find(std::uint32_t slot) const {
    std::uint16_t below = 0;
    for (std::uint32_t s = 1; s <= kMaxSymbol; ++s)
      below = static_cast<std::uint16_t>(below + (bound[s] <= static_cast<std::uint16_t>(slot) ? 1 : 0));
    return below;
  }
};

// What one element is coded with: sign and `shift` low bits of the magnitude are plain bits.
struct CodeContext {
  std::uint8_t code_class = 0, shift = 0;
};

class CodeModel {
 public:
  CodeModel(const CodeParameters& parameters, std::uint64_t rows, std::uint64_t cols);

  // Starts the next block; its number of rows, 0 after the last one.
  std::uint32_t next_block();
  // Contexts of the block's rows at column j; columns are visited in order.
  std::span<const CodeContext> contexts(std::uint64_t j);
  const CodeTable& table(std::uint32_t code_class) const { return tables_[code_class]; }
  // Takes the symbols of column j.
  void learn(std::uint64_t j, std::span<const std::uint8_t> symbols);

 private:
  void end_block();
  void adapt();

  std::uint64_t rows_, cols_, done_ = 0;
  std::uint32_t lanes_, block_ = 0, period_;
  double row_prior_, column_prior_, initial_, weight_ = 0, block_row_weight_ = 0;
  bool row_scales_;
  std::uint64_t pending_ = 0, adapt_after_ = 32;
  std::uint64_t total_ = 0;
  std::vector<std::uint64_t> column_sum_;
  std::vector<float> weight_of_, factor_, row_share_;  // a column's, in this block
  std::array<float, kMaxLanes> row_sum_{}, group_sum_{};
  std::array<CodeContext, kMaxLanes> contexts_{};
  std::array<CodeTable, kCodeClasses> tables_;
};

}  // namespace tt::codec
