// One pass over a matrix of codes with the model, as encoding and estimating need it.
#pragma once

#include <algorithm>

#include "codec/code_coder.h"
#include "codec/code_model.h"

namespace tt::codec {

// What a walk meets at one element.
struct CodeElement {
  CodeContext context;
  std::uint32_t lane = 0, magnitude = 0, symbol = 0;
  bool negative = false, parity = false;

  std::uint32_t escape() const { return escape_symbol(context.code_class); }
  // What follows an escape.
  std::uint32_t escaped() const { return (magnitude >> context.shift) - escape() + 1; }
  bool has_sign() const { return context.has_sign(symbol); }
  bool has_parity() const { return context.has_parity(symbol); }
};

// Field by field: an element that is put together elsewhere and copied stalls on its own bytes.
inline void meet(const CodeModel& model, std::uint32_t lane, std::int32_t code, CodeElement& element) {
  const CodeContext context = model.context(lane);
  const std::int64_t residual =
      model.trellis() ? std::int64_t{code} >> 1 : std::int64_t{code} - model.prediction(lane);
  const std::uint32_t magnitude = context.magnitude(residual);
  element.context.code_class = context.code_class;
  element.context.shift = context.shift;
  element.context.odd = context.odd;
  element.lane = lane;
  element.magnitude = magnitude;
  element.symbol = std::min(magnitude >> context.shift, escape_symbol(context.code_class));
  element.negative = residual < 0;
  element.parity = (residual & 1) != 0;
}

// take(model, elements) for every column of every block, then end_block() once a block.
template <typename TakeColumn, typename EndBlock>
void walk_codes(const CodeMatrix& matrix, const CodeParameters& parameters, const TakeColumn& take,
                const EndBlock& end_block) {
  CodeModel model(parameters, matrix.rows, matrix.cols);
  CodeColumn column;
  std::array<CodeElement, kMaxLanes> elements{};
  const std::int32_t* block = matrix.codes.data();
  while (const std::uint32_t height = model.next_block()) {
    for (std::uint64_t j = 0; j < matrix.cols; ++j) {
      model.enter(j);
      for (std::uint32_t y = 0; y < height; ++y) {
        meet(model, y, block[y * matrix.cols + j], elements[y]);
        column.symbols[y] = static_cast<std::uint8_t>(elements[y].symbol);
        column.negative[y] = elements[y].negative ? 1 : 0;
        column.parity[y] = elements[y].parity ? 1 : 0;
      }
      take(model, std::span<const CodeElement>(elements).first(height));
      model.learn(column);
    }
    end_block();
    block += height * matrix.cols;
  }
}

}  // namespace tt::codec
