// zstd frames with a claimed size: two bytes of claim, then the frame. Both decoders must agree.
#include "base/zstd_frame.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tt;
  fuzz::Input input(data, size);
  const std::uint64_t low = input.byte(), claimed = low | static_cast<std::uint64_t>(input.byte()) << 8;
  const base::ByteView frame = input.rest();
  base::Bytes whole, pieces;
  const bool first = fuzz::accepts([&] { whole = base::zstd_decompress(frame, claimed); });
  const auto source = [&](std::uint64_t offset, std::span<std::uint8_t> out) {
    fuzz::require(offset <= frame.size() && out.size() <= frame.size() - offset, "only the frame is read");
    std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
  };
  const bool second = fuzz::accepts([&] {
    base::zstd_decompress_stream(source, frame.size(), claimed, [&](base::ByteView piece) {
      pieces.insert(pieces.end(), piece.begin(), piece.end());
    });
  });
  fuzz::require(first == second, "both decoders accept the same frames");
  fuzz::require(!first || (whole == pieces && whole.size() == claimed),
                "both decoders give the same content");
  return 0;
}
