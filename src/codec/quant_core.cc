#include "codec/quant_core.h"

#include <algorithm>

#include "codec/code_bands.h"

namespace tt::codec {
namespace {

// The codes as they are coded: a matrix in the orientation of the weight, without the rows or columns of
// which all codes are zero. A trellis runs along the outputs and has to lie along the rows of a stream: where
// outputs are the weight's rows, streams are turned.
class CodedMatrix {
 public:
  CodedMatrix(const tensor::SicCodes& from, unsigned axis) : from_(from), axis_(axis) {
    for (std::uint64_t i = 0; i < from.inputs; ++i)
      if (from.step_codes.empty() || from.step_codes[i] != 0) live_.push_back(i);
  }
  BandLayout layout() const {
    if (axis_ != 1) return {live_.size(), from_.outputs, band_rows(from_.outputs), false, from_.run > 0};
    const std::uint64_t height = from_.run > 0 ? from_.run : band_rows(live_.size());
    return {from_.outputs, live_.size(), height, from_.run > 0, from_.run > 0};
  }

  std::vector<std::int32_t> band(std::uint64_t first, std::uint64_t count) const {
    if (axis_ != 1) return of_inputs(first, count, 0, from_.outputs);
    if (from_.run > 0) return of_inputs(0, live_.size(), first, count);
    std::vector<std::int32_t> codes(count * live_.size());
    transpose(first, count, codes);
    return codes;
  }

 private:
  // [input][output]
  std::vector<std::int32_t> of_inputs(std::uint64_t first_input, std::uint64_t inputs, std::uint64_t first,
                                      std::uint64_t count) const {
    std::vector<std::int32_t> codes(inputs * count);
    for (std::uint64_t i = 0; i < inputs; ++i)
      std::copy_n(from_.codes.data() + live_[first_input + i] * from_.outputs + first, count,
                  codes.data() + i * count);
    return codes;
  }
  // A few inputs at a time: each of their cache lines is then read once.
  void transpose(std::uint64_t first, std::uint64_t count, std::vector<std::int32_t>& codes) const {
    constexpr std::uint64_t kTile = 16;
    for (std::uint64_t tile = 0; tile < live_.size(); tile += kTile) {
      const std::uint64_t end = std::min<std::uint64_t>(tile + kTile, live_.size());
      for (std::uint64_t o = 0; o < count; ++o)
        for (std::uint64_t i = tile; i < end; ++i)
          codes[o * live_.size() + i] = from_.codes[live_[i] * from_.outputs + first + o];
    }
  }

  const tensor::SicCodes& from_;
  unsigned axis_;
  std::vector<std::uint64_t> live_;
};

base::Bytes coded_steps(const tensor::SicCodes& from) {
  std::vector<std::int32_t> codes;
  for (const std::uint32_t code : from.step_codes) codes.push_back(static_cast<std::int32_t>(code));
  return encode_codes({1, codes.size(), codes});
}

// Everything before the code stream: docs/formats/encodings.md, "quant".
base::Bytes head(const tensor::SicCodes& from, unsigned axis, const BandLayout& bands) {
  base::Bytes bytes;
  const unsigned kind = from.step_codes.empty() ? 0 : axis == 1 ? 1 : 2;
  bytes.push_back(static_cast<std::uint8_t>(kind + (bands.turned ? kTurnedBands : 0)));
  base::append_le(bytes, from.scale);
  if (!from.step_codes.empty()) {
    const base::Bytes steps = coded_steps(from);
    append_varint(bytes, static_cast<std::uint32_t>(steps.size()));
    bytes.insert(bytes.end(), steps.begin(), steps.end());
  }
  if (bands.turned) append_varint(bytes, static_cast<std::uint32_t>(bands.height));
  return bytes;
}

}  // namespace

std::uint64_t trellis_run(unsigned axis, std::uint64_t inputs, std::uint64_t outputs) {
  constexpr std::uint64_t kFewest = 6, kMost = std::uint64_t{1} << 19;
  const std::uint64_t run = axis == 1 ? std::min(outputs, band_rows(inputs)) : outputs;
  return run < kFewest || run > kMost ? 0 : run;
}

double estimate_quant_core(const tensor::SicCodes& codes, unsigned axis, double part) {
  const CodedMatrix matrix(codes, axis);
  const BandLayout bands = matrix.layout();
  // Of turned bands the first one stands for all.
  const std::uint64_t rows = bands.turned ? std::min(bands.height, bands.rows) : bands.rows;
  const std::vector<std::int32_t> band = matrix.band(0, rows);
  const double bits = bands.turned ? estimate_bits({bands.cols, rows, band, bands.trellis})
                                   : estimate_bits({rows, bands.cols, band, bands.trellis});
  const double share = rows == 0 ? 1 : static_cast<double>(rows) / static_cast<double>(bands.rows);
  return static_cast<double>(head(codes, axis, bands).size()) + bits / 8 / (part * share);
}

base::Bytes write_quant_core(const tensor::SicCodes& codes, unsigned axis) {
  const CodedMatrix matrix(codes, axis);
  base::Bytes bytes = head(codes, axis, matrix.layout());
  append_bands(
      matrix.layout(), [&](std::uint64_t first, std::uint64_t count) { return matrix.band(first, count); },
      bytes);
  return bytes;
}

}  // namespace tt::codec
