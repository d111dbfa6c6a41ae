#include "codec/quant_core.h"

#include <algorithm>

#include "codec/code_bands.h"

namespace tt::codec {
namespace {

// The codes as they are coded: a matrix in the orientation of the weight, without the rows or columns of
// which all codes are zero.
class CodedMatrix {
 public:
  CodedMatrix(const tensor::SicCodes& from, unsigned axis) : from_(from), axis_(axis) {
    for (std::uint64_t i = 0; i < from.inputs; ++i)
      if (from.step_codes.empty() || from.step_codes[i] != 0) live_.push_back(i);
  }
  std::uint64_t rows() const { return axis_ == 1 ? from_.outputs : live_.size(); }
  std::uint64_t cols() const { return axis_ == 1 ? live_.size() : from_.outputs; }

  std::vector<std::int32_t> band(std::uint64_t first, std::uint64_t count) const {
    std::vector<std::int32_t> codes(count * cols());
    const std::uint64_t m = from_.outputs;
    if (axis_ == 1) {
      transpose(first, count, codes);
      return codes;
    }
    for (std::uint64_t i = 0; i < count; ++i)
      std::copy_n(from_.codes.data() + live_[first + i] * m, m, codes.data() + i * m);
    return codes;
  }

 private:
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
base::Bytes head(const tensor::SicCodes& from, unsigned axis) {
  base::Bytes bytes;
  bytes.push_back(static_cast<std::uint8_t>(from.step_codes.empty() ? 0 : axis == 1 ? 1 : 2));
  base::append_le(bytes, from.scale);
  if (from.step_codes.empty()) return bytes;
  const base::Bytes steps = coded_steps(from);
  append_varint(bytes, static_cast<std::uint32_t>(steps.size()));
  bytes.insert(bytes.end(), steps.begin(), steps.end());
  return bytes;
}

}  // namespace

double estimate_quant_core(const tensor::SicCodes& codes, unsigned axis, double part) {
  const CodedMatrix matrix(codes, axis);
  const double bits = estimate_bits({matrix.rows(), matrix.cols(), matrix.band(0, matrix.rows())});
  return static_cast<double>(head(codes, axis).size()) + bits / 8 / part;
}

base::Bytes write_quant_core(const tensor::SicCodes& codes, unsigned axis) {
  const CodedMatrix matrix(codes, axis);
  base::Bytes bytes = head(codes, axis);
  append_bands(
      matrix.rows(), matrix.cols(),
      [&](std::uint64_t first, std::uint64_t count) { return matrix.band(first, count); }, bytes);
  return bytes;
}

}  // namespace tt::codec
