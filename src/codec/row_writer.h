// Rows of float values on their way to a PayloadSink.
#pragma once

#include <algorithm>
#include <vector>

#include "codec/codecs.h"

namespace tt::codec {

// Columns of a weight that is decoded row by row: what is held in memory for each must stay small.
inline constexpr std::uint64_t kMaxSide = std::uint64_t{1} << 24;

// out[i] = float32(codes[i]) * steps[i], one rounding each.
void scale_codes(const std::int32_t* codes, const float* steps, float* out, std::size_t count);

// Rows of values in, pieces of payload out.
class RowWriter {
 public:
  RowWriter(const WeightLayout& layout, const PayloadSink& sink)
      : layout_(layout),
        sink_(sink),
        most_(std::max<std::uint64_t>(1, kPieceBytes / std::max<std::uint64_t>(1, layout.cols * 8))) {
    values_.reserve(most_ * layout.cols);
  }
  // The next row, to be filled; zeros.
  std::span<float> row() {
    if (values_.size() == most_ * layout_.cols) flush();
    values_.resize(values_.size() + layout_.cols);
    ++rows_;
    return std::span(values_).last(layout_.cols);
  }
  std::uint64_t rows() const { return rows_; }
  void flush() {
    if (values_.empty()) return;
    piece_.resize(values_.size() * tensor::element_size(layout_.dtype));
    tensor::from_float(layout_.dtype, values_, piece_);
    sink_(offset_, piece_);
    offset_ += piece_.size();
    values_.clear();
  }

 private:
  const WeightLayout& layout_;
  const PayloadSink& sink_;
  std::uint64_t most_, rows_ = 0, offset_ = 0;
  std::vector<float> values_;
  base::Bytes piece_;
};

}  // namespace tt::codec
