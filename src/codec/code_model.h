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

inline constexpr std::size_t kFeatures = 5;
inline constexpr std::uint32_t kSignClasses = 12;

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
  bool predicted = false;         // codes are predicted; else plain signs, and what follows is unused
  std::uint32_t distance = 0;     // columns back to the second neighbour; 0: none
  std::array<std::int8_t, kFeatures> weights{};  // of the features, in 64ths

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

// What one element is coded with: `shift` low bits of the magnitude are plain bits.
struct CodeContext {
  std::uint8_t code_class = 0, shift = 0;
};

// How the sign of a residual is coded, if codes are predicted.
struct SignContext {
  std::uint32_t sign_class = 0;
  bool negative = false;  // the likely sign
};

class CodeModel {
 public:
  CodeModel(const CodeParameters& parameters, std::uint64_t rows, std::uint64_t cols);

  bool predicted() const { return predicted_; }
  // Starts the next block; its number of rows, 0 after the last one.
  std::uint32_t next_block();
  // Contexts of the block's rows at column j; columns are visited in order.
  std::span<const CodeContext> contexts(std::uint64_t j);
  const CodeTable& table(std::uint32_t code_class) const { return tables_[code_class]; }
  // Symbols and signs are those of the residual code - prediction(y).
  std::int32_t prediction(std::uint32_t y) const { return static_cast<std::int32_t>(rounded_[y]); }
  SignContext sign_context(std::uint32_t y, std::uint32_t symbol) const;
  // Frequency of the likely sign.
  std::uint32_t likely(std::uint32_t sign_class) const { return signs_[sign_class].frequency; }
  // Takes the symbols and signs of the residuals of column j.
  void learn(std::uint64_t j, std::span<const std::uint8_t> symbols, std::span<const bool> negative);

  // For fitting weights: what the weights multiply, and the unit of a code in the same scale.
  std::array<float, kFeatures> features(std::uint64_t j, std::uint32_t y) const;
  float unit(std::uint64_t j) const { return inverse_mean_[j]; }

 private:
  struct SignTable {
    std::uint32_t agreed = 0, seen = 0, frequency = kCodeTotal / 2;
  };
  using Lanes = std::array<float, kMaxLanes>;

  void weigh_columns();
  void predict(std::uint64_t j);
  void learn_signed(std::uint64_t j, std::span<const std::uint8_t> symbols, std::span<const bool> negative);
  const Lanes& neighbour(std::uint64_t j, std::uint64_t distance) const;
  void end_block();
  void adapt();

  std::uint64_t rows_, cols_, done_ = 0;
  std::uint32_t lanes_, block_ = 0, period_, distance_;
  double row_prior_, column_prior_, initial_, weight_ = 0, block_row_weight_ = 0;
  bool row_scales_, predicted_;
  std::array<float, kFeatures> weights_{};
  std::uint64_t pending_ = 0, adapt_after_ = 32;
  std::uint64_t total_ = 0;
  std::vector<std::uint64_t> column_sum_;
  std::vector<std::int64_t> column_signed_;
  std::vector<float> weight_of_, factor_, row_share_;               // a column's, in this block
  std::vector<float> mean_, inverse_mean_, signed_share_, skew_;    // likewise, if predicted
  Lanes row_sum_{}, group_sum_{}, signed_row_{}, expected_{}, rounded_{}, rest_{};
  std::vector<Lanes> history_;  // of the last columns: codes in units of their column's mean
  std::array<CodeContext, kMaxLanes> contexts_{};
  std::array<CodeTable, kCodeClasses> tables_;
  std::array<SignTable, kSignClasses> signs_{};
};

}  // namespace tt::codec
