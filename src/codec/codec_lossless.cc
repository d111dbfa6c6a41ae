// `lossless`: one coded core. First byte 0: the payload follows; 1: a zstd frame of it follows; 2: planes
// follow (codec/planes.h).
#include <algorithm>
#include <bit>

#include "base/zstd_frame.h"
#include "codec/codecs.h"
#include "codec/cursor.h"
#include "codec/planes.h"

namespace tt::codec {
namespace {

enum class Method : std::uint8_t { raw = 0, zstd = 1, planes = 2 };

// Element bits rotated left by one: exponent, mantissa, sign.
template <typename Element, typename Word>
WordSource<Word> rotated_words(base::ByteView payload) {
  return [payload](std::uint64_t first, std::span<Word> block) {
    Word* const to = block.data();
    const std::uint8_t* const from = payload.data() + first * sizeof(Element);
    const std::size_t count = block.size();
    for (std::size_t i = 0; i < count; ++i) {
      to[i] = std::rotl(base::load_le<Element>(from + i * sizeof(Element)), 1);
    }
  };
}

template <typename Element, typename Word>
void restore_elements(std::span<const Word> words, std::span<std::uint8_t> payload) {
  const Word* const from = words.data();
  std::uint8_t* const to = payload.data();
  const std::size_t count = words.size();
  for (std::size_t i = 0; i < count; ++i) {
    base::store_le(to + i * sizeof(Element), std::rotr(static_cast<Element>(from[i]), 1));
  }
}

// Calls use(words) with a source of the payload's words in the type that fits its elements.
template <typename Use>
auto with_words(const WeightData& weight, const Use& use) {
  switch (tensor::element_size(weight.layout.dtype)) {
    case 2:
      return use(rotated_words<std::uint16_t, std::uint32_t>(weight.payload));
    case 4:
      return use(rotated_words<std::uint32_t, std::uint32_t>(weight.payload));
    default:
      return use(rotated_words<std::uint64_t, std::uint64_t>(weight.payload));
  }
}

std::uint64_t planes_size(const WeightData& weight) {
  const PlaneScheme scheme = scheme_of(weight.layout);
  return with_words(weight, [&]<typename Word>(const WordSource<Word>& words) {
    return estimate_planes(scheme, weight.layout.elements(), words);
  });
}

// Repetition over longer distances is what planes do not see. A quick trial tells whether the thorough one is
// worth its time.
base::Bytes zstd_frame_if_smaller(const WeightData& weight, std::uint64_t size) {
  constexpr std::uint64_t kThoroughLimit = 8u << 20;
  if (base::zstd_compressed_size(weight.payload, 1) > size + size / 16) return {};
  base::Bytes quick = base::zstd_compress(weight.payload, 1);
  base::Bytes thorough =
      base::zstd_compress(weight.payload, weight.payload.size() <= kThoroughLimit ? 19 : 9);
  base::Bytes& best = thorough.size() < quick.size() ? thorough : quick;
  return best.size() < size ? std::move(best) : base::Bytes{};
}

base::Bytes tagged(Method method, base::ByteView bytes) {
  base::Bytes out(bytes.size() + 1);
  out[0] = static_cast<std::uint8_t>(method);
  std::copy(bytes.begin(), bytes.end(), out.begin() + 1);
  return out;
}

base::Bytes encode_payload(const WeightData& weight) {
  if (weight.payload.empty()) return tagged(Method::raw, {});
  const PlaneScheme scheme = scheme_of(weight.layout);
  base::Bytes coded{static_cast<std::uint8_t>(Method::planes)};
  with_words(weight, [&]<typename Word>(const WordSource<Word>& words) {
    encode_planes(scheme, weight.layout.elements(), words, coded);
  });
  const base::Bytes frame = zstd_frame_if_smaller(weight, std::min(coded.size() - 1, weight.payload.size()));
  if (!frame.empty()) return tagged(Method::zstd, frame);
  if (coded.size() > weight.payload.size()) return tagged(Method::raw, weight.payload);
  return coded;
}

void decode_raw(const WeightLayout& layout, const CoreReader& cores, const PayloadSink& sink) {
  const std::uint64_t size = layout.payload_size();
  if (cores.size(0) - 1 != size) throw_corrupt("it is not as large as its weight");
  for (std::uint64_t offset = 0; offset < size; offset += kPieceBytes) {
    base::Bytes piece(static_cast<std::size_t>(std::min(size - offset, kPieceBytes)));
    cores.read(0, offset + 1, piece);
    sink(offset, piece);
  }
}

void decode_zstd(const WeightLayout& layout, const CoreReader& cores, const PayloadSink& sink) {
  const auto source = [&](std::uint64_t offset, std::span<std::uint8_t> out) {
    cores.read(0, offset + 1, out);
  };
  std::uint64_t done = 0;
  base::zstd_decompress_stream(source, cores.size(0) - 1, layout.payload_size(), [&](base::ByteView piece) {
    sink(done, piece);
    done += piece.size();
  });
}

template <typename Element, typename Word>
void decode_planes(const WeightLayout& layout, const CoreReader& cores, const PayloadSink& sink) {
  PlaneReader reader(scheme_of(layout), layout.elements(), cores, 1);
  std::vector<Word> words;
  base::Bytes piece;
  std::uint64_t done = 0;
  while (reader.next(words)) {
    piece.resize(words.size() * sizeof(Element));
    restore_elements<Element, Word>(words, piece);
    sink(done, piece);
    done += piece.size();
  }
}

class LosslessCodec final : public Codec {
 public:
  Format format() const override { return Format::lossless; }
  void check(const WeightLayout& layout, const Encoding&) const override { check_layout(layout); }
  std::vector<CoreLayout> core_layouts(const WeightLayout&, const Encoding&) const override {
    return one_coded_core();
  }
  std::vector<Core> encode(const WeightData& weight, const Encoding&, const EncodeOptions&) const override {
    return {coded_core(encode_payload(weight))};
  }
  void decode(const WeightLayout& layout, const Encoding& encoding, const CoreReader& cores,
              const PayloadSink& sink) const override {
    check_cores(core_layouts(layout, encoding), cores);
    std::uint8_t method = 0;
    if (cores.size(0) == 0) throw_corrupt("it is empty");
    cores.read(0, 0, std::span(&method, 1));
    switch (static_cast<Method>(method)) {
      case Method::raw:
        return decode_raw(layout, cores, sink);
      case Method::zstd:
        return decode_zstd(layout, cores, sink);
      case Method::planes:
        break;
      default:
        throw_corrupt("its method is unknown");
    }
    switch (tensor::element_size(layout.dtype)) {
      case 2:
        return decode_planes<std::uint16_t, std::uint32_t>(layout, cores, sink);
      case 4:
        return decode_planes<std::uint32_t, std::uint32_t>(layout, cores, sink);
      default:
        return decode_planes<std::uint64_t, std::uint64_t>(layout, cores, sink);
    }
  }
};

}  // namespace

std::uint64_t estimate_lossless(const WeightData& weight) {
  if (weight.payload.empty()) return 1;
  const std::uint64_t size = std::min<std::uint64_t>(planes_size(weight), weight.payload.size());
  const base::Bytes frame = zstd_frame_if_smaller(weight, size);
  return 1 + (frame.empty() ? size : frame.size());
}

const Codec& lossless_codec() {
  static const LosslessCodec codec;
  return codec;
}

}  // namespace tt::codec
