#include <algorithm>
#include <bit>
#include <cmath>

#include "codec/code_bands.h"
#include "codec/codecs.h"
#include "codec/quant_core.h"
#include "codec/row_writer.h"

namespace tt::codec {
namespace {

enum class StepKind : std::uint8_t { one = 0, column = 1, row = 2 };

constexpr std::uint64_t kMostBand = 2 * kBandCodes;

struct Steps {
  StepKind kind = StepKind::one;
  bool turned = false;
  float scale = 0;
  std::vector<float> steps;  // one a row or column (StepKind), 0: no codes are stored for it
};

std::vector<float> read_steps(ByteCursor& cursor, float scale, std::uint64_t count) {
  if (count > kMaxSide) throw_corrupt("it has too many steps");
  const base::ByteView stream = cursor.take(cursor.varint());
  std::vector<float> steps;
  steps.reserve(count);
  decode_codes(stream, 1, count, [&](std::uint64_t, std::span<const std::int32_t> codes) {
    for (const std::int32_t code : codes) {
      if (code < 0 || static_cast<std::uint32_t>(code) > tensor::kMaxStepCode)
        throw_corrupt("a step is out of range");
      steps.push_back(tensor::sic_step(scale, static_cast<std::uint32_t>(code)));
      if (!std::isfinite(steps.back())) throw_corrupt("a step is out of range");
    }
  });
  return steps;
}

Steps read_head(ByteCursor& cursor, const WeightLayout& layout) {
  Steps steps;
  const std::uint8_t first = cursor.byte(), kind = first & 3;
  steps.turned = (first & kTurnedBands) != 0;
  if (kind > 2 || first > 3 + kTurnedBands || (kind == 2 && steps.turned))
    throw_corrupt("its kind of steps is unknown");
  steps.kind = static_cast<StepKind>(kind);
  steps.scale = base::load_le<float>(cursor.take(4).data());
  if (!std::isfinite(steps.scale) || std::signbit(steps.scale)) throw_corrupt("its scale is not a step");
  if (steps.kind == StepKind::column) steps.steps = read_steps(cursor, steps.scale, layout.cols);
  if (steps.kind == StepKind::row) steps.steps = read_steps(cursor, steps.scale, layout.rows);
  return steps;
}

class Dequantiser {
 public:
  Dequantiser(const WeightLayout& layout, Steps steps, const PayloadSink& sink)
      : layout_(layout), steps_(std::move(steps)), writer_(layout, sink) {
    const auto live = static_cast<std::uint64_t>(
        std::count_if(steps_.steps.begin(), steps_.steps.end(), [](float step) { return step != 0; }));
    rows_ = steps_.kind == StepKind::row ? live : layout.rows;
    cols_ = steps_.kind == StepKind::column ? live : layout.cols;
    row_steps_.assign(cols_, steps_.scale);
    if (steps_.kind != StepKind::column) return;
    row_steps_.clear();
    for (std::uint64_t c = 0; c < layout.cols; ++c)
      if (steps_.steps[c] != 0) {
        row_steps_.push_back(steps_.steps[c]);
        places_.push_back(static_cast<std::uint32_t>(c));
      }
    scaled_.resize(cols_);
  }

  void decode(ByteCursor& cursor) {
    if (layout_.elements() == 0) return;
    decode_bands(cursor, bands(cursor), [&](std::span<const std::int32_t> row) { take_row(row); });
    while (writer_.rows() < layout_.rows) writer_.row();
    writer_.flush();
  }

 private:
  BandLayout bands(ByteCursor& cursor) const {
    if (!steps_.turned) return band_layout(rows_, cols_);
    const std::uint64_t height = cursor.varint();
    // A band is held whole.
    if (height == 0 || height > std::max<std::uint64_t>(1, kMostBand / std::max<std::uint64_t>(1, cols_)))
      throw_corrupt("its bands are too high");
    return {rows_, cols_, height, true};
  }
  void take_row(std::span<const std::int32_t> codes) {
    if (steps_.kind == StepKind::row) {
      while (steps_.steps[writer_.rows()] == 0) writer_.row();
      std::fill(row_steps_.begin(), row_steps_.end(), steps_.steps[writer_.rows()]);
    }
    const std::span<float> out = writer_.row();
    const bool direct = cols_ == layout_.cols;
    scale_codes(codes.data(), row_steps_.data(), direct ? out.data() : scaled_.data(), cols_);
    for (std::size_t i = 0; !direct && i < scaled_.size(); ++i) out[places_[i]] = scaled_[i];
  }

  const WeightLayout& layout_;
  Steps steps_;
  RowWriter writer_;
  std::uint64_t rows_ = 0, cols_ = 0;
  std::vector<float> row_steps_, scaled_;
  std::vector<std::uint32_t> places_;  // of the stored columns
};

}  // namespace

QuantSteps read_quant_steps(const WeightLayout& layout, base::ByteView core) {
  ByteCursor cursor(core);
  Steps steps = read_head(cursor, layout);
  const unsigned axis = steps.kind == StepKind::one ? kNoAxis : steps.kind == StepKind::column ? 1 : 0;
  return {axis, steps.scale, std::move(steps.steps)};
}

void read_quant_core(const WeightLayout& layout, base::ByteView core, const PayloadSink& sink) {
  ByteCursor cursor(core);
  Steps steps = read_head(cursor, layout);
  Dequantiser(layout, std::move(steps), sink).decode(cursor);
}

}  // namespace tt::codec
