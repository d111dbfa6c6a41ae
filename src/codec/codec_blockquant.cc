// `blockquant`: one coded core, codes of 4 or 8 bits with a scale for each group (tensor/group_codes.h),
// entropy-coded (codec/code_coder.h). A weight decodes to scale * code in float32.
#include "base/error.h"
#include "codec/blockquant.h"
#include "codec/row_writer.h"

namespace tt::codec {
namespace {

[[noreturn]] void refuse(const std::string& why, const std::string& hint) {
  throw base::Error(base::ErrorKind::usage, why, hint);
}

// The scale of every element of a row.
class RowScales {
 public:
  RowScales(const WeightLayout& layout, const Encoding& encoding, std::vector<float> scales)
      : along_columns_(encoding.axis == 1),
        group_(encoding.group),
        groups_(tensor::group_count(layout.cols, encoding.group)),
        cols_(layout.cols),
        scales_(std::move(scales)),
        row_(along_columns_ ? layout.cols : 0) {}

  const float* of(std::uint64_t row) {
    if (!along_columns_) return scales_.data() + (group_ == 0 ? 0 : row / group_) * cols_;
    const float* const first = scales_.data() + row * groups_;
    for (std::uint64_t c = 0; c < cols_; ++c) row_[c] = first[group_ == 0 ? 0 : c / group_];
    return row_.data();
  }

 private:
  bool along_columns_;
  std::uint64_t group_, groups_, cols_;
  std::vector<float> scales_, row_;
};

class BlockquantCodec final : public Codec {
 public:
  Format format() const override { return Format::blockquant; }
  void check(const WeightLayout& layout, const Encoding& encoding) const override {
    check_layout(layout);
    if (encoding.bits != 4 && encoding.bits != 8)
      refuse("codes of " + std::to_string(encoding.bits) + " bits in encoding 'blockquant'",
             "codes have 4 or 8 bits");
    if (encoding.axis != 0 && encoding.axis != 1)
      refuse("encoding 'blockquant' needs the key 'axis'", "groups run along axis 0 (rows) or 1 (columns)");
    if (layout.cols > kMaxSide || scale_count(layout, encoding) > kMaxScales)
      refuse("a weight of " + std::to_string(layout.rows) + "x" + std::to_string(layout.cols) +
                 " has too many columns or groups for encoding 'blockquant'",
             "use larger groups, or lossless");
  }
  std::vector<CoreLayout> core_layouts(const WeightLayout&, const Encoding&) const override {
    return one_coded_core();
  }
  std::vector<Core> encode(const WeightData& weight, const Encoding& encoding,
                           const EncodeOptions& options) const override {
    check(weight.layout, encoding);
    std::optional<tensor::SicPlan> own;
    if (options.sic == nullptr && options.metric != nullptr) own.emplace(*options.metric);
    const BlockQuantiser quantiser(weight, own ? &*own : options.sic, encoding.axis);
    std::vector<Core> cores;
    cores.push_back(quantiser.core(encoding.bits, encoding.group));
    return cores;
  }
  void decode(const WeightLayout& layout, const Encoding& encoding, const CoreReader& cores,
              const PayloadSink& sink) const override {
    RowWriter writer(layout, sink);
    std::optional<RowScales> scales;
    read_blockquant(
        layout, encoding, cores,
        [&](std::vector<float> read) { scales.emplace(layout, encoding, std::move(read)); },
        [&](std::uint64_t row, std::span<const std::int32_t> codes) {
          const std::span<float> out = writer.row();
          scale_codes(codes.data(), scales->of(row), out.data(), out.size());
        });
    writer.flush();
  }
};

}  // namespace

const Codec& blockquant_codec() {
  static const BlockquantCodec codec;
  return codec;
}

}  // namespace tt::codec
