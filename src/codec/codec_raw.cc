// `raw`: one core, the payload as it is.
#include <algorithm>

#include "codec/codecs.h"

namespace tt::codec {
namespace {

class RawCodec final : public Codec {
 public:
  Format format() const override { return Format::raw; }
  void check(const WeightLayout& layout, const Encoding&) const override { check_layout(layout); }
  std::vector<CoreLayout> core_layouts(const WeightLayout& layout, const Encoding&) const override {
    return {{layout.dtype, layout.shape}};
  }
  std::vector<Core> encode(const WeightData& weight, const Encoding&, const EncodeOptions&) const override {
    return {{{weight.layout.dtype, weight.layout.shape}, weight.payload}};
  }
  void decode(const WeightLayout& layout, const Encoding& encoding, const CoreReader& cores,
              const PayloadSink& sink) const override {
    check_cores(core_layouts(layout, encoding), cores);
    const std::uint64_t size = layout.payload_size();
    base::Bytes piece(static_cast<std::size_t>(std::min(size, kPieceBytes)));
    for (std::uint64_t offset = 0; offset < size; offset += piece.size()) {
      piece.resize(static_cast<std::size_t>(std::min(size - offset, kPieceBytes)));
      cores.read(0, offset, piece);
      sink(offset, piece);
    }
  }
};

}  // namespace

const Codec& raw_codec() {
  static const RawCodec codec;
  return codec;
}

}  // namespace tt::codec
