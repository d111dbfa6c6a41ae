// `f16`: one coded core, half precision with the leading bits of the mantissa, as planes (codec/planes.h).
#include <bit>
#include <cmath>

#include "base/text.h"
#include "codec/codecs.h"
#include "codec/cursor.h"
#include "codec/planes.h"

namespace tt::codec {
namespace {

constexpr float kHalfOverflow = 65536;

// Rounds once, straight from float32 (through a full half it would round twice). The result is a half, or
// +-65536 if too large.
float round_to_bits(float value, unsigned bits) {
  const std::uint32_t pattern = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t magnitude = pattern & 0x7fffffffu;
  const std::uint32_t sign = pattern & 0x80000000u;
  if (magnitude >= 0x7f800000u) return value;
  const unsigned drop = 23 - bits;
  const std::uint32_t rounded =
      (magnitude + (1u << (drop - 1)) - 1 + ((magnitude >> drop) & 1u)) >> drop << drop;
  // Below 2^-14 the spacing is fixed at 2^(-14 - bits): adding 2^(9 - bits) rounds to it.
  const float shift = std::bit_cast<float>((127u + 9u - bits) << 23);
  const float small = (std::bit_cast<float>(magnitude) + shift) - shift;
  const float result =
      magnitude < (113u << 23) ? small : std::min(std::bit_cast<float>(rounded), kHalfOverflow);
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(result) | sign);
}

// exponent (5), mantissa (bits), sign (1) of a half whose other mantissa bits are zero.
std::uint32_t word_of_half(std::uint16_t half, unsigned bits) {
  return ((half & 0x7fffu) >> (10 - bits)) << 1 | half >> 15;
}
std::uint16_t half_of_word(std::uint32_t word, unsigned bits) {
  return static_cast<std::uint16_t>((word >> 1) << (10 - bits) | (word & 1u) << 15);
}

void fill_words(std::span<const float> values, unsigned bits, std::span<std::uint32_t> words) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    words[i] = word_of_half(tensor::float_to_half(round_to_bits(values[i], bits)), bits);
  }
}

void refuse_large(std::span<const float> values, unsigned bits) {
  for (const float value : values) {
    if (std::isfinite(value) && std::abs(round_to_bits(value, bits)) == kHalfOverflow) {
      throw base::Error(base::ErrorKind::usage, "value too large for f16",
                        "half precision ends at 65504; use lossless instead");
    }
  }
}

class F16Codec final : public Codec {
 public:
  Format format() const override { return Format::f16; }
  void check(const WeightLayout& layout, const Encoding& encoding) const override {
    check_layout(layout);
    if (encoding.mantissa < 1 || encoding.mantissa > 10) {
      throw base::Error(base::ErrorKind::usage,
                        "bad value " + std::to_string(encoding.mantissa) + " for key 'mantissa'",
                        "1 to 10 bits can be kept");
    }
  }
  std::vector<CoreLayout> core_layouts(const WeightLayout&, const Encoding&) const override {
    return one_coded_core();
  }
  std::vector<Core> encode(const WeightData& weight, const Encoding& encoding,
                           const EncodeOptions&) const override {
    check(weight.layout, encoding);
    const std::uint64_t size = tensor::element_size(weight.layout.dtype);
    std::vector<float> values;
    const WordSource<std::uint32_t> words = [&](std::uint64_t first, std::span<std::uint32_t> block) {
      values.resize(block.size());
      tensor::to_float(weight.layout.dtype,
                       base::ByteView(weight.payload).subspan(first * size, block.size() * size), values);
      refuse_large(values, encoding.mantissa);
      fill_words(values, encoding.mantissa, block);
    };
    base::Bytes bytes;
    encode_planes(scheme_of_half(encoding.mantissa), weight.layout.elements(), words, bytes);
    return {coded_core(std::move(bytes))};
  }
  void decode(const WeightLayout& layout, const Encoding& encoding, const CoreReader& cores,
              const PayloadSink& sink) const override {
    check_cores(core_layouts(layout, encoding), cores);
    PlaneReader reader(scheme_of_half(encoding.mantissa), layout.elements(), cores, 0);
    std::vector<std::uint32_t> words;
    std::vector<float> values;
    base::Bytes piece;
    std::uint64_t done = 0;
    while (reader.next(words)) {
      values.resize(words.size());
      for (std::size_t i = 0; i < words.size(); ++i)
        values[i] = tensor::half_to_float(half_of_word(words[i], encoding.mantissa));
      piece.resize(values.size() * tensor::element_size(layout.dtype));
      tensor::from_float(layout.dtype, values, piece);
      sink(done, piece);
      done += piece.size();
    }
  }
};

}  // namespace

std::uint64_t estimate_f16(std::span<const float> values, unsigned mantissa) {
  const WordSource<std::uint32_t> words = [&](std::uint64_t first, std::span<std::uint32_t> block) {
    fill_words(values.subspan(first, block.size()), mantissa, block);
  };
  return estimate_planes(scheme_of_half(mantissa), values.size(), words);
}

float round_half(float value, unsigned bits) {
  return tensor::half_to_float(
      half_of_word(word_of_half(tensor::float_to_half(round_to_bits(value, bits)), bits), bits));
}

const Codec& f16_codec() {
  static const F16Codec codec;
  return codec;
}

}  // namespace tt::codec
