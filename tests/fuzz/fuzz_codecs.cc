// Every decoder on arbitrary cores: the first bytes choose layout and encoding, the rest are the cores.
#include "codec/codec.h"
#include "fuzz.h"

namespace {

using namespace tt;

constexpr std::uint64_t kMaxElements = std::uint64_t{1} << 19;  // two blocks of the plane coder
constexpr std::uint64_t kMaxCores = std::uint64_t{1} << 20;     // bytes

codec::WeightLayout read_layout(fuzz::Input& input) {
  codec::WeightLayout layout;
  layout.dtype = static_cast<tensor::DType>(input.byte() % 4);
  const unsigned dims = input.byte() % 6, row_dims = input.byte() % 6;
  for (unsigned i = 0; i < dims; ++i) {
    layout.shape.push_back(input.number());
    (i < row_dims ? layout.rows : layout.cols) *= layout.shape.back();
  }
  return layout;
}

codec::Encoding read_encoding(fuzz::Input& input) {
  codec::Encoding encoding;
  const auto formats = codec::all_formats();
  encoding.format = formats[input.byte() % formats.size()];
  encoding.dtype = input.byte() % 2 ? tensor::DType::f16 : tensor::DType::f32;
  encoding.mantissa = input.byte();
  encoding.rank = input.number();
  const unsigned modes = input.byte() % 12, ranks = input.byte() % 12;
  for (unsigned i = 0; i < modes; ++i) encoding.modes.push_back(input.number());
  for (unsigned i = 0; i < ranks; ++i) encoding.ranks.push_back(input.number());
  // Coded cores.
  if (encoding.format == codec::Format::quant || encoding.format == codec::Format::tucker ||
      (encoding.format == codec::Format::lowrank && encoding.mantissa % 2 == 1))
    encoding.step = 1;
  if (encoding.format == codec::Format::blockquant) {
    encoding.bits = input.byte() % 2 ? 4 : 8;
    encoding.group = input.byte() % 2 ? 16 : 0;
    encoding.axis = input.byte() % 2;
  }
  return encoding;
}

std::vector<codec::Core> read_cores(fuzz::Input& input, const codec::WeightLayout& layout,
                                    const codec::Encoding& encoding) {
  std::vector<codec::Core> cores;
  for (const codec::CoreLayout& core : codec::codec_for(encoding.format).core_layouts(layout, encoding)) {
    if (!core.dtype) {
      const base::ByteView bytes = input.take(UINT64_MAX);
      cores.push_back({{std::nullopt, {bytes.size()}}, base::Bytes(bytes.begin(), bytes.end())});
      continue;
    }
    const std::uint64_t size = tensor::element_count(core.shape) * tensor::element_size(*core.dtype);
    if (size > kMaxCores) return {};
    const base::ByteView bytes = input.take(size);
    cores.push_back({core, base::Bytes(bytes.begin(), bytes.end())});
    cores.back().bytes.resize(static_cast<std::size_t>(size));
  }
  return cores;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const codec::WeightLayout layout = read_layout(input);
  if (layout.elements() > kMaxElements) return 0;
  const codec::Encoding encoding = read_encoding(input);
  if (!fuzz::accepts([&] { codec::codec_for(encoding.format).check(layout, encoding); })) return 0;
  const std::vector<codec::Core> cores = read_cores(input, layout, encoding);
  if (cores.empty()) return 0;
  const codec::MemoryCores reader(cores);
  fuzz::accepts([&] {
    const base::Bytes payload = codec::decode_all(layout, encoding, reader);
    fuzz::require(payload.size() == layout.payload_size(), "a decoded weight is as large as its layout says");
  });
  return 0;
}
