// `tucker`: one coded core, a kernel's functions of the tap and their coefficients (codec/tap_quantiser.h).
// docs/formats/encodings.md ("tucker") has the bytes.
#include "base/error.h"
#include "codec/code_coder.h"
#include "codec/codecs.h"
#include "codec/cursor.h"
#include "codec/quant_core.h"
#include "codec/row_writer.h"
#include "codec/tap_quantiser.h"
#include "tensor/product_kernel.h"

namespace tt::codec {
namespace {

std::vector<float> read_functions(base::ByteView stream, std::uint64_t taps) {
  std::vector<float> values;
  values.reserve(taps * taps);
  decode_codes(stream, taps, taps, [&](std::uint64_t, std::span<const std::int32_t> codes) {
    for (const std::int32_t code : codes) {
      if (code < -tensor::kTapUnit || code > tensor::kTapUnit) throw_corrupt("a function is out of range");
      values.push_back(static_cast<float>(code) / tensor::kTapUnit);
    }
  });
  return values;
}

class TuckerCodec final : public Codec {
 public:
  Format format() const override { return Format::tucker; }
  void check(const WeightLayout& layout, const Encoding& encoding) const override {
    check_layout(layout);
    check_fineness(encoding);
    if (!kernel_shape(layout) || layout.cols > kMaxSide)
      throw base::Error(base::ErrorKind::usage,
                        "a weight of " + tensor::shape_text(layout.shape) + " is no kernel of 2 to " +
                            std::to_string(kMostTaps) + " taps, which encoding 'tucker' is for",
                        "use quant");
  }
  std::vector<CoreLayout> core_layouts(const WeightLayout&, const Encoding&) const override {
    return one_coded_core();
  }
  std::vector<Core> encode(const WeightData& weight, const Encoding& encoding,
                           const EncodeOptions& options) const override {
    check(weight.layout, encoding);
    std::optional<tensor::SicPlan> own;
    const tensor::SicPlan& plan = plan_for(weight.layout, options, own);
    if (!has_tap_basis(weight, plan))
      throw base::Error(
          base::ErrorKind::usage,
          "cannot find a basis for the taps of a kernel, its values are not finite, too large or too "
          "small, it is no plain convolution's, or it has more than " +
              std::to_string(kMostKernelInputs) + " inputs",
          "use quant");
    TapQuantiser quantiser(weight, plan);
    std::vector<Core> cores;
    cores.push_back(
        quantiser.take_core(encoding.step > 0 ? encoding.step : quantiser.step_for_rate(encoding.rate)));
    return cores;
  }
  void decode(const WeightLayout& layout, const Encoding& encoding, const CoreReader& cores,
              const PayloadSink& sink) const override {
    check_cores(core_layouts(layout, encoding), cores);
    const std::uint64_t taps = kernel_shape(layout).value().taps;
    const base::Bytes core = whole_core(cores, 0);
    ByteCursor cursor(core);
    const std::vector<float> functions = read_functions(cursor.take(cursor.varint()), taps);
    const tensor::PackedFactor packed(functions, taps, taps);
    const WeightLayout inner{tensor::DType::f32, {layout.rows, layout.cols}, layout.rows, layout.cols};
    std::vector<float> coefficients, values;
    base::Bytes out;
    read_quant_core(inner, cursor.take(cursor.left()), [&](std::uint64_t offset, base::ByteView piece) {
      coefficients.resize(piece.size() / sizeof(float));
      values.resize(coefficients.size());
      tensor::to_float(tensor::DType::f32, piece, coefficients);
      packed.multiply(coefficients, coefficients.size() / taps, values);
      out.resize(values.size() * tensor::element_size(layout.dtype));
      tensor::from_float(layout.dtype, values, out);
      sink(offset / sizeof(float) * tensor::element_size(layout.dtype), out);
    });
  }
};

}  // namespace

const Codec& tucker_codec() {
  static const TuckerCodec codec;
  return codec;
}

}  // namespace tt::codec
