// Arbitrary values through every encoding and back: exact ones give the same bytes, the others the right size
// and, for finite values, a finite error.
#include <algorithm>
#include <cmath>

#include "codec/codec.h"
#include "fuzz.h"
#include "tensor/blas.h"

namespace {

using namespace tt;

constexpr std::uint64_t kMaxBytes = 1 << 12;

tensor::WeightData read_weight(fuzz::Input& input) {
  tensor::WeightData weight;
  weight.layout.dtype = static_cast<tensor::DType>(input.byte() % 4);
  const std::uint64_t width = 1 + input.byte() % 64;
  const base::ByteView bytes = input.take(kMaxBytes);
  const std::uint64_t unit = width * tensor::element_size(weight.layout.dtype);
  weight.layout.rows = std::max<std::uint64_t>(1, bytes.size() / unit);
  weight.layout.cols = width;
  weight.layout.shape = {weight.layout.rows, weight.layout.cols};
  if (width % 4 == 0) weight.layout.shape = {weight.layout.rows, width / 4, 2, 2};
  weight.payload.assign(bytes.begin(), bytes.end());
  weight.payload.resize(static_cast<std::size_t>(weight.layout.payload_size()));
  return weight;
}

// Encodings of `format` with small parameters; what does not fit the weight is left out by check().
codec::Encoding choose(codec::Format format, const tensor::WeightLayout& layout, fuzz::Input& input) {
  codec::Encoding encoding{.format = format};
  encoding.mantissa = 1 + input.byte() % 10;
  encoding.dtype = input.byte() % 2 ? tensor::DType::f16 : tensor::DType::f32;
  encoding.rank = 1 + input.byte() % 8;
  encoding.modes = {layout.rows, layout.cols};
  encoding.ranks = {1 + input.byte() % std::uint64_t{8}};
  if (format == codec::Format::quant || format == codec::Format::tucker)
    encoding.step = (1 + input.byte()) / 256.0;
  return encoding;
}

bool is_factored(codec::Format format) {
  return format == codec::Format::lowrank || format == codec::Format::tt;
}
bool is_exact(codec::Format format) {
  return format == codec::Format::raw || format == codec::Format::lossless;
}

void round_trip(const tensor::WeightData& weight, const codec::Encoding& encoding) {
  const codec::Codec& codec = codec::codec_for(encoding.format);
  if (!fuzz::accepts([&] { codec.check(weight.layout, encoding); })) return;
  std::vector<codec::Core> cores;
  if (!fuzz::accepts([&] { cores = codec.encode(weight, encoding); })) return;
  const codec::MemoryCores reader(cores);
  const base::Bytes decoded = codec::decode_all(weight.layout, encoding, reader);
  fuzz::require(decoded.size() == weight.payload.size(), "the decoded size is the original's");
  if (is_exact(encoding.format))
    fuzz::require(decoded == weight.payload, "exact encodings give the same bytes");
  const double error = codec::relative_error(weight, encoding, reader);
  if (is_exact(encoding.format)) fuzz::require(error == 0, "exact encodings have no error");
  fuzz::require(!(error < 0), "an error is not negative");
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  tensor::use_one_blas_thread();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  fuzz::Input choices(data, std::min<std::size_t>(size, 8));
  const tensor::WeightData weight = read_weight(input);
  const bool finite = tensor::all_finite(weight.layout.dtype, weight.payload);
  for (const codec::Format format : codec::all_formats())
    if (finite || !is_factored(format)) round_trip(weight, choose(format, weight.layout, choices));
  return 0;
}
