// `quant`: one coded core, integer codes with a step for each column or row (tensor/sic.h), entropy-coded
// (codec/code_coder.h). A weight decodes to code * step in float32.
#include "base/error.h"
#include "codec/codecs.h"
#include "codec/quant.h"
#include "codec/quant_core.h"
#include "codec/row_writer.h"

namespace tt::codec {
namespace {

class QuantCodec final : public Codec {
 public:
  Format format() const override { return Format::quant; }
  void check(const WeightLayout& layout, const Encoding& encoding) const override {
    check_layout(layout);
    check_fineness(encoding);
    if (layout.cols > kMaxSide)
      throw base::Error(
          base::ErrorKind::usage,
          "a weight of " + std::to_string(layout.cols) + " columns is too wide for encoding 'quant'",
          "use lossless or f16");
  }
  std::vector<CoreLayout> core_layouts(const WeightLayout&, const Encoding&) const override {
    return one_coded_core();
  }
  std::vector<Core> encode(const WeightData& weight, const Encoding& encoding,
                           const EncodeOptions& options) const override {
    check(weight.layout, encoding);
    std::optional<tensor::SicPlan> own;
    Quantiser quantiser(weight, plan_for(weight.layout, options, own));
    const double step = encoding.step > 0 ? encoding.step : quantiser.step_for_rate(encoding.rate);
    std::vector<Core> cores;
    cores.push_back(quantiser.take_core(step));
    return cores;
  }
  void decode(const WeightLayout& layout, const Encoding& encoding, const CoreReader& cores,
              const PayloadSink& sink) const override {
    check_cores(core_layouts(layout, encoding), cores);
    read_quant_core(layout, whole_core(cores, 0), sink);
  }
};

}  // namespace

const Codec& quant_codec() {
  static const QuantCodec codec;
  return codec;
}

}  // namespace tt::codec
