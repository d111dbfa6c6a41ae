// The adaptive model of integer codes: which distribution codes which element, from elements already coded.
//
// Magnitudes are modelled as having the expected value column scale * row scale. Rows come in blocks of up to
// 64 rows (lanes) that are walked column by column; column scales are learned from whole earlier blocks, row
// scales from the row's earlier columns. The expected magnitude falls into one of 52 classes (four an
// octave), each with an adaptive frequency table. Optionally codes are predicted from neighbours in the row
// (of one kernel), the row's and the column's mean, and residuals are coded. docs/formats/encodings.md ("Code
// streams") defines every operation: floats are IEEE single or double, in the given order, so that every
// reader gets the same bits.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "codec/code_table.h"
#include "tensor/trellis.h"

namespace tt::codec {

inline constexpr std::uint32_t kMaxLanes = 64;
inline constexpr std::size_t kFeatures = 5;
inline constexpr std::uint32_t kSignClasses = 12;

// What a stream's header says.
struct CodeParameters {
  std::uint8_t scale = 0;         // the mean magnitude, see initial_scale(); 0: all codes are zero
  std::uint8_t lanes_log2 = 0;    // 0..6
  std::uint8_t row_prior = 0;     // 0..2: 4, 16, 64 columns' worth; 3: rows have no scale of their own
  std::uint8_t column_prior = 0;  // 0: 4 rows' worth, 1: 1 row's worth
  std::uint32_t period = 0;       // groups of that many columns have a scale within the row; 0: none
  bool trellis = false;           // codes follow one along the rows; they are not predicted then
  bool predicted = false;         // codes are predicted; else plain signs, and what follows is unused
  std::uint8_t distance = 0;      // columns back to the second neighbour; 0: none
  std::array<std::int8_t, kFeatures> weights{};  // of the features, in 64ths

  std::uint32_t lanes() const { return 1u << lanes_log2; }
};

// 2^(scale / 4 - 32), linear between powers of two.
float initial_scale(std::uint8_t scale);
std::uint8_t nearest_scale(double mean);

// What one element is coded with: a residual r, which along a trellis is code / 2 rounded down. Its magnitude
// is |r|, but -r - 1 for negative r if it is folded: where shift > 0, and for odd codes (then there is a sign
// for 0, too). Its symbol is magnitude >> shift or the escape; `shift` low bits are plain.
struct CodeContext {
  std::uint8_t code_class = 0, shift = 0;
  bool odd = false;  // the code is, by the trellis

  bool folded() const { return odd || shift > 0; }
  std::uint32_t magnitude(std::int64_t residual) const {
    const std::int64_t plain = residual < 0 ? -residual : residual;
    return static_cast<std::uint32_t>(plain - (residual < 0 && folded() ? 1 : 0));
  }
  std::int64_t residual(std::uint32_t magnitude, bool negative) const {
    const std::int64_t plain = magnitude;
    return negative ? -plain - (folded() ? 1 : 0) : plain;
  }
  bool has_sign(std::uint32_t symbol) const { return symbol != 0 || folded(); }
  // Along a trellis: whether the parity of the residual is coded by itself, for the symbol does not tell it.
  // Where the residual is folded it tells the sign.
  bool has_parity(std::uint32_t symbol) const { return folded() || symbol == escape_symbol(code_class); }
};

// The symbols and signs of one column of a block, lane by lane; negative only where there is a sign; along a
// trellis the parity of each residual.
struct CodeColumn {
  std::array<std::uint8_t, kMaxLanes> symbols{}, negative{}, parity{};
};

// Of even codes, or all; then of odd ones.
using CodeTables = std::array<CodeTable, std::size_t{2} * kCodeClasses>;
constexpr std::size_t table_of(std::uint32_t code_class, bool odd) {
  return code_class + (odd ? kCodeClasses : 0);
}

class CodeModel {
 public:
  CodeModel(const CodeParameters& parameters, std::uint64_t rows, std::uint64_t cols);

  bool predicted() const { return predicted_; }
  bool trellis() const { return trellis_; }
  std::uint64_t most_rows() const { return lanes_; }
  // Starts the next block; its number of rows, 0 after the last one.
  std::uint32_t next_block();
  // Prepares column j of the block; columns are visited in order. What follows is about it.
  void enter(std::uint64_t j);
  CodeContext context(std::uint32_t y) const {
    return {static_cast<std::uint8_t>(class_.data()[y]), static_cast<std::uint8_t>(shift_.data()[y]),
            tensor::takes_odd(state_.data()[y])};
  }
  const CodeTable& table(const CodeContext& context) const {
    return tables_.data()[table_of(context.code_class, context.odd)];
  }
  // Symbols and signs are those of the residual code - prediction(y).
  std::int32_t prediction(std::uint32_t y) const { return prediction_.data()[y]; }
  bool likely_negative(std::uint32_t y) const { return rest_.data()[y] < 0; }
  const SignTable& sign_table(std::uint32_t y, std::uint32_t symbol) const {
    return signs_[sign_class(y, middle(y, symbol))];
  }
  void learn(const CodeColumn& column);

  // For fitting weights: what they would multiply with another `distance`, no larger than the parameters',
  // and the unit in which they predict a code.
  std::array<float, kFeatures> features(std::uint32_t y, std::uint64_t distance) const;
  float unit() const { return columns_[j_].inverse_mean; }

 private:
  using Lanes = std::array<float, kMaxLanes>;
  // What a column means in this block.
  struct Column {
    float weight, factor, row_share;
    float mean, inverse_mean, signed_share, skew;  // if predicted
  };
  struct Sums {
    double magnitudes = 0;  // of |code| / 2 along a trellis
    std::int64_t codes = 0;
  };
  void weigh_columns();
  void predict();
  void learn_signed(const CodeColumn& column);
  void follow_trellis(const CodeColumn& column);
  void adapt();
  const float* neighbour(std::uint64_t distance) const;
  // The middle of the magnitudes that a symbol stands for.
  std::int32_t middle(std::uint32_t y, std::uint32_t symbol) const {
    return static_cast<std::int32_t>((symbol << shift_.data()[y]) + ((1u << shift_.data()[y]) >> 1));
  }
  std::uint32_t sign_class(std::uint32_t y, std::int32_t magnitude) const;  // how sure the likely sign is

  std::uint64_t rows_, cols_, lanes_, done_ = 0, j_ = 0;
  std::uint32_t block_ = 0, period_, distance_;
  double row_prior_, column_prior_, initial_, weight_ = 0, block_row_weight_ = 0;
  bool row_scales_, trellis_, predicted_;
  std::array<float, kFeatures> weights_{};
  std::uint64_t pending_ = 0, adapt_after_ = 32;
  double total_ = 0;
  std::vector<Sums> sums_;
  std::vector<Column> columns_;
  Lanes expected_{}, row_sum_{}, group_sum_{}, signed_row_{}, rest_{}, tilt_{};
  std::array<std::int32_t, kMaxLanes> class_{}, shift_{}, prediction_{}, magnitude_{};
  std::array<std::uint32_t, kMaxLanes> state_{};  // of the trellis
  std::vector<Lanes> history_;  // codes of the last columns in units of the column's mean; zeros at the end
  CodeTables tables_;
  std::array<SignTable, kSignClasses> signs_{};
};

}  // namespace tt::codec
