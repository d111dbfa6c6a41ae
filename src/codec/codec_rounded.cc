// `rounded`: the weight in its own type with fewer mantissa bits, stored as `lossless` stores it. Between the
// ten bits of `f16` and all of them every step costs one bit an element; the exponent range stays whole.
#include <string>

#include "base/error.h"
#include "base/text.h"
#include "codec/codecs.h"

namespace tt::codec {
namespace {

// Rounds the magnitude to nearest, ties to even, after `drop` bits; a carry moves into the exponent, as it
// should.
template <typename Element>
Element round_bits(Element element, unsigned drop) {
  const Element unit = static_cast<Element>(Element{1} << drop);
  const Element odd = static_cast<Element>((element >> drop) & 1);
  const Element up = static_cast<Element>(element + (unit >> 1) - 1 + odd);
  return static_cast<Element>(up & ~static_cast<Element>(unit - 1));
}

template <typename Element>
void round_all(std::span<std::uint8_t> payload, unsigned drop) {
  for (std::size_t at = 0; at < payload.size(); at += sizeof(Element)) {
    const Element element = base::load_le<Element>(payload.data() + at);
    base::store_le(payload.data() + at, round_bits(element, drop));
  }
}

class RoundedCodec final : public Codec {
 public:
  Format format() const override { return Format::rounded; }
  void check(const WeightLayout& layout, const Encoding& encoding) const override {
    lossless_codec().check(layout, encoding);
    const unsigned bits = mantissa_bits(layout.dtype);
    if (encoding.mantissa >= 1 && encoding.mantissa < bits) return;
    throw base::Error(base::ErrorKind::usage,
                      "cannot round a weight of type " + std::string(tensor::dtype_name(layout.dtype)) +
                          " to " + std::to_string(encoding.mantissa) + " mantissa bits",
                      "give mantissa=1 to mantissa=" + std::to_string(bits - 1));
  }
  std::vector<CoreLayout> core_layouts(const WeightLayout& layout, const Encoding& encoding) const override {
    return lossless_codec().core_layouts(layout, encoding);
  }
  std::vector<Core> encode(const WeightData& weight, const Encoding& encoding,
                           const EncodeOptions& options) const override {
    return lossless_codec().encode(round_mantissa(weight, encoding.mantissa), encoding, options);
  }
  void decode(const WeightLayout& layout, const Encoding& encoding, const CoreReader& cores,
              const PayloadSink& sink) const override {
    lossless_codec().decode(layout, encoding, cores, sink);
  }
};

}  // namespace

unsigned mantissa_bits(tensor::DType dtype) {
  switch (dtype) {
    case tensor::DType::f16:
      return 10;
    case tensor::DType::bf16:
      return 7;
    case tensor::DType::f32:
      return 23;
    case tensor::DType::f64:
      break;
  }
  return 52;
}

WeightData round_mantissa(const WeightData& weight, unsigned bits) {
  WeightData rounded = weight;
  const unsigned drop = mantissa_bits(weight.layout.dtype) - bits;
  switch (tensor::element_size(weight.layout.dtype)) {
    case 2:
      round_all<std::uint16_t>(rounded.payload, drop);
      break;
    case 4:
      round_all<std::uint32_t>(rounded.payload, drop);
      break;
    default:
      round_all<std::uint64_t>(rounded.payload, drop);
  }
  if (!tensor::all_finite(rounded.layout.dtype, rounded.payload)) {
    throw base::Error(
        base::ErrorKind::usage,
        "a value too large for " + std::to_string(bits) + " mantissa bits, or one that is not finite",
        "keep more bits, or use lossless");
  }
  return rounded;
}

const Codec& rounded_codec() {
  static const RoundedCodec codec;
  return codec;
}

}  // namespace tt::codec
