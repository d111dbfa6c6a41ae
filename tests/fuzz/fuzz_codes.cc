// Code streams: the first byte says whether the rest is a stream to be decoded or codes to go through one.
#include "codec/code_coder.h"
#include "fuzz.h"
#include "tensor/trellis.h"

namespace {

using namespace tt;

constexpr std::uint64_t kMaxCodes = std::uint64_t{1} << 17;

std::vector<std::int32_t> decode(base::ByteView stream, std::uint64_t rows, std::uint64_t cols) {
  std::vector<std::int32_t> codes;
  codec::decode_codes(stream, rows, cols, [&](std::uint64_t first_row, std::span<const std::int32_t> piece) {
    fuzz::require(first_row * cols == codes.size(), "rows come in order");
    codes.insert(codes.end(), piece.begin(), piece.end());
  });
  fuzz::require(codes.size() == rows * cols, "a decoded matrix is whole");
  return codes;
}

void round_trip(fuzz::Input& input, unsigned width, std::uint64_t cols) {
  std::vector<std::int32_t> codes;
  while (!input.rest().empty() && codes.size() < kMaxCodes / 8) {
    std::uint32_t code = 0;
    for (unsigned i = 0; i < width; ++i) code = code << 8 | input.byte();
    codes.push_back(width == 1 ? static_cast<std::int8_t>(code) : static_cast<std::int32_t>(code));
  }
  codes.resize(codes.size() / cols * cols);
  const codec::CodeMatrix matrix{codes.size() / cols, cols, codes};
  fuzz::require(decode(codec::encode_codes(matrix), matrix.rows, cols) == codes, "codes come back");
}

// Any bytes as codes along a trellis: their last bit is what the state says.
void round_trip_along_trellis(fuzz::Input& input, std::uint64_t cols) {
  std::vector<std::int32_t> codes;
  std::uint32_t state = 0;
  while (!input.rest().empty() && codes.size() < kMaxCodes / 8) {
    if (codes.size() % cols == 0) state = 0;
    const std::int32_t code = 2 * static_cast<std::int8_t>(input.byte()) + (tensor::takes_odd(state) ? 1 : 0);
    state = tensor::next_state(state, tensor::in_higher_subset(code));
    codes.push_back(code);
  }
  codes.resize(codes.size() / cols * cols);
  const codec::CodeMatrix matrix{codes.size() / cols, cols, codes, true};
  fuzz::require(decode(codec::encode_codes(matrix), matrix.rows, cols) == codes, "codes come back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const unsigned mode = input.byte();
  const std::uint64_t cols = input.number() + 1;
  if (mode % 8 == 7) {
    round_trip_along_trellis(input, cols);
    return 0;
  }
  if (mode % 2 == 1) {
    round_trip(input, mode % 4 == 1 ? 1 : 4, cols);
    return 0;
  }
  const std::uint64_t rows = input.number() + 1;
  if (rows * cols > kMaxCodes) return 0;
  fuzz::accepts([&] { decode(input.rest(), rows, cols); });
  return 0;
}
