#include <array>
#include <cmath>

#include "base/checked.h"
#include "base/memory.h"
#include "codec/codecs.h"
#include "codec/cursor.h"
#include "tensor/product_kernel.h"
#include "tensor/sic.h"

namespace tt::codec {
namespace {

using CodecGetter = const Codec& (*)();
// One row a format, in the order of the enumeration.
constexpr std::array<CodecGetter, 9> kCodecs{raw_codec,     lossless_codec,   f16_codec,
                                             lowrank_codec, tt_codec,         rounded_codec,
                                             quant_codec,   blockquant_codec, tucker_codec};

}  // namespace

const Codec& codec_for(Format format) {
  return kCodecs.at(static_cast<std::size_t>(format))();
}

std::vector<Format> all_formats() {
  std::vector<Format> formats;
  for (const CodecGetter codec : kCodecs) formats.push_back(codec().format());
  return formats;
}

void MemoryCores::read(std::size_t core, std::uint64_t offset, std::span<std::uint8_t> out) const {
  const base::Bytes& bytes = cores_.at(core).bytes;
  if (!base::range_inside(offset, out.size(), bytes.size())) throw_corrupt("its bytes end too early");
  if (!out.empty()) std::memcpy(out.data(), bytes.data() + offset, out.size());
}

void check_layout(const WeightLayout& layout) {
  const std::uint64_t elements = base::checked_mul(layout.rows, layout.cols, "size of a weight");
  base::checked_mul(elements, tensor::element_size(layout.dtype), "size of a weight");
  if (tensor::element_count(layout.shape) != elements) {
    throw base::Error(base::ErrorKind::bad_data,
                      "bad layout of a weight, " + tensor::shape_text(layout.shape) + " is not " +
                          std::to_string(layout.rows) + "x" + std::to_string(layout.cols));
  }
}

void check_cores(const std::vector<CoreLayout>& layouts, const CoreReader& cores) {
  if (cores.count() != layouts.size()) throw_corrupt("the number of cores is wrong");
  for (std::size_t i = 0; i < layouts.size(); ++i) {
    if (!layouts[i].dtype) continue;
    const std::uint64_t elements = tensor::element_count(layouts[i].shape);
    const std::uint64_t size =
        base::checked_mul(elements, tensor::element_size(*layouts[i].dtype), "size of a core");
    if (cores.size(i) != size) throw_corrupt("its size is not that of its shape");
  }
}

std::vector<CoreLayout> one_coded_core() {
  return {{std::nullopt, {0}}};
}

void check_fineness(const Encoding& encoding) {
  if ((encoding.rate > 0) != (encoding.step > 0)) return;
  const std::string name(format_name(encoding.format));
  throw base::Error(base::ErrorKind::usage, "encoding '" + name + "' needs one of the keys 'rate' and 'step'",
                    "give the bits a weight, for example " + name + ",rate=3");
}

base::Bytes whole_core(const CoreReader& cores, std::size_t core) {
  base::Bytes bytes(static_cast<std::size_t>(cores.size(core)));
  cores.read(core, 0, bytes);
  return bytes;
}

Core coded_core(base::Bytes bytes) {
  return {{std::nullopt, {bytes.size()}}, std::move(bytes)};
}

std::vector<float> read_core(const CoreLayout& layout, const CoreReader& cores, std::size_t core) {
  const base::Bytes bytes = whole_core(cores, core);
  std::vector<float> values(bytes.size() / tensor::element_size(*layout.dtype));
  tensor::to_float(*layout.dtype, bytes, values);
  return values;
}

void stream_product(const WeightLayout& layout, std::span<const float> left, std::vector<float> right,
                    std::uint64_t rows, std::uint64_t rank, std::uint64_t cols, const PayloadSink& sink) {
  if (rows == 0 || cols == 0) return;
  const std::uint64_t element = tensor::element_size(layout.dtype);
  const std::uint64_t step =
      std::max<std::uint64_t>(1, kPieceBytes / (cols * std::max<std::uint64_t>(element, 4)));
  const tensor::PackedFactor packed(right, rank, cols);
  base::release(right);
  std::vector<float> values;
  base::Bytes piece;
  for (std::uint64_t row = 0; row < rows; row += step) {
    const std::uint64_t count = std::min(step, rows - row);
    values.resize(static_cast<std::size_t>(count * cols));
    packed.multiply(left.subspan(row * rank, count * rank), count, values);
    piece.resize(values.size() * element);
    tensor::from_float(layout.dtype, values, piece);
    sink(row * cols * element, piece);
  }
}

base::Bytes decode_all(const WeightLayout& layout, const Encoding& encoding, const CoreReader& cores) {
  base::Bytes payload;
  payload.reserve(static_cast<std::size_t>(layout.payload_size()));
  codec_for(encoding.format).decode(layout, encoding, cores, [&](std::uint64_t, base::ByteView piece) {
    payload.insert(payload.end(), piece.begin(), piece.end());
  });
  return payload;
}

namespace {

// Sums of squares over pieces of a payload: in double, and in the wider range of long double for f64, where
// squares of values that double still holds would vanish or overflow.
struct ErrorSums {
  double error = 0, norm = 0;
  long double wide_error = 0, wide_norm = 0;
  bool identical = true;

  void add(tensor::DType dtype, base::ByteView original, base::ByteView decoded) {
    identical &= std::equal(original.begin(), original.end(), decoded.begin(), decoded.end());
    if (dtype == tensor::DType::f64) return add_wide(original, decoded);
    const std::uint64_t size = tensor::element_size(dtype);
    std::vector<float> a(original.size() / size), b(a.size());
    tensor::to_float(dtype, original, a);
    tensor::to_float(dtype, decoded, b);
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double x = a[i], difference = x - double{b[i]};
      error += difference * difference;
      norm += x * x;
    }
  }

  void add_wide(base::ByteView original, base::ByteView decoded) {
    for (std::size_t at = 0; at < original.size(); at += 8) {
      const long double x = base::load_le<double>(original.data() + at);
      const long double difference = x - base::load_le<double>(decoded.data() + at);
      wide_error += difference * difference;
      wide_norm += x * x;
    }
  }

  double relative() const {
    if (identical || (error == 0 && wide_error == 0)) return 0;
    if (norm == 0 && wide_norm == 0) return 1;
    return wide_norm != 0 ? static_cast<double>(std::sqrt(wide_error / wide_norm)) : std::sqrt(error / norm);
  }
};

}  // namespace

double relative_error(const WeightData& original, const Encoding& encoding, const CoreReader& cores) {
  ErrorSums sums;
  const base::ByteView payload = original.payload;
  codec_for(encoding.format)
      .decode(original.layout, encoding, cores, [&](std::uint64_t offset, base::ByteView piece) {
        sums.add(original.layout.dtype, payload.subspan(static_cast<std::size_t>(offset), piece.size()),
                 piece);
      });
  return sums.relative();
}

double output_error(const WeightData& original, const Encoding& encoding, const CoreReader& cores,
                    const tensor::Metric& metric) {
  const std::uint64_t size = tensor::element_size(original.layout.dtype);
  std::vector<float> values = original.values(), decoded;
  const tensor::MatrixView view{values, original.layout.rows, original.layout.cols};
  const double energy = tensor::metric_energy(view, metric);
  codec_for(encoding.format)
      .decode(original.layout, encoding, cores, [&](std::uint64_t offset, base::ByteView piece) {
        decoded.resize(piece.size() / size);
        tensor::to_float(original.layout.dtype, piece, decoded);
        for (std::size_t i = 0; i < decoded.size(); ++i) values[offset / size + i] -= decoded[i];
      });
  const double error = tensor::metric_energy(view, metric);
  if (error == 0) return 0;
  return energy > 0 ? std::sqrt(error / energy) : 1;
}

}  // namespace tt::codec
