#include "base/zstd_frame.h"

#include <zstd.h>

#include <algorithm>

#include "support.h"

using namespace tt::base;
using tt::test::kind_of;

namespace {

Bytes sample(std::size_t size) {
  Bytes bytes(size);
  std::uint32_t state = 1;
  for (std::uint8_t& byte : bytes) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<std::uint8_t>((state >> 24) & 0x1f);
  }
  return bytes;
}

Bytes decode_stream(ByteView frame, std::uint64_t expected) {
  Bytes result;
  zstd_decompress_stream(
      [&](std::uint64_t offset, std::span<std::uint8_t> out) {
        std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
      },
      frame.size(), expected,
      [&](ByteView piece) {
        CHECK(piece.size() <= 128 * 1024);
        result.insert(result.end(), piece.begin(), piece.end());
      });
  return result;
}

bool both_refuse(ByteView frame, std::uint64_t expected) {
  return kind_of([&] { zstd_decompress(frame, expected); }) == ErrorKind::corrupt &&
         kind_of([&] { decode_stream(frame, expected); }) == ErrorKind::corrupt;
}

}  // namespace

TEST_CASE("round trips of every size class and level") {
  for (const std::size_t size : {0, 1, 255, 256, 65'535, 131'072, 131'073, 1'000'000}) {
    const Bytes bytes = sample(size);
    for (const int level : {1, 3, 19}) {
      const Bytes frame = zstd_compress(bytes, level);
      CHECK(frame == zstd_compress(bytes, level));
      CHECK(zstd_decompress(frame, size) == bytes);
      CHECK(decode_stream(frame, size) == bytes);
    }
  }
  CHECK(kind_of([] { zstd_compress({}, 0); }) == ErrorKind::internal);
  CHECK(kind_of([] { zstd_compress({}, 20); }) == ErrorKind::internal);
}

TEST_CASE("a content larger than every buffer and window") {
  const Bytes bytes(20'000'000, 7);
  const Bytes frame = zstd_compress(bytes, 19);
  CHECK(zstd_decompress(frame, bytes.size()) == bytes);
  CHECK(decode_stream(frame, bytes.size()) == bytes);
}

TEST_CASE("no cut and no flipped bit gives other content") {
  const Bytes bytes = sample(600);
  const Bytes frame = zstd_compress(bytes, 19);
  for (std::size_t cut = 0; cut < frame.size(); ++cut) {
    CHECK(both_refuse(ByteView(frame).first(cut), bytes.size()));
  }
  // A few bits mean nothing (one in the frame header is unused).
  std::size_t harmless = 0;
  for (std::size_t i = 0; i < frame.size() * 8; ++i) {
    Bytes bad = frame;
    bad[i / 8] = static_cast<std::uint8_t>(bad[i / 8] ^ (1 << i % 8));
    if (both_refuse(bad, bytes.size())) continue;
    CAPTURE(i);
    CHECK(zstd_decompress(bad, bytes.size()) == bytes);
    CHECK(decode_stream(bad, bytes.size()) == bytes);
    ++harmless;
  }
  CHECK(harmless <= 4);
}

TEST_CASE("sizes that lie and bytes that follow") {
  const Bytes bytes = sample(1000);
  Bytes frame = zstd_compress(bytes, 3);
  CHECK(both_refuse(frame, 999));
  CHECK(both_refuse(frame, 1001));
  CHECK(both_refuse(frame, ~std::uint64_t{0}));
  Bytes longer = frame;
  longer.push_back(0);
  CHECK(both_refuse(longer, 1000));
  Bytes twice = frame;
  twice.insert(twice.end(), frame.begin(), frame.end());
  CHECK(both_refuse(twice, 1000));
  CHECK(both_refuse(twice, 2000));
  // A frame may be skippable and would then hold nothing.
  const Bytes skippable = {0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0};
  CHECK(both_refuse(skippable, 0));
  // Magic, single segment with 8 bytes of size: a terabyte in a frame of 17 bytes.
  const Bytes bomb = {0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0};
  CHECK(both_refuse(bomb, std::uint64_t{1} << 40));
}

TEST_CASE("a frame without its size or with a large window is refused") {
  const Bytes bytes = sample(50'000'000);
  ZSTD_CCtx* context = ZSTD_createCCtx();
  Bytes frame(ZSTD_compressBound(bytes.size()));
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 25);
  frame.resize(ZSTD_compress2(context, frame.data(), frame.size(), bytes.data(), bytes.size()));
  CHECK(kind_of([&] { decode_stream(frame, bytes.size()); }) == ErrorKind::corrupt);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  Bytes unknown(2000);
  unknown.resize(ZSTD_compress2(context, unknown.data(), unknown.size(), bytes.data(), 1000));
  CHECK(both_refuse(unknown, 1000));
  ZSTD_freeCCtx(context);
}

TEST_CASE("the size of a frame is told without it") {
  Bytes text;
  for (unsigned i = 0; i < 300'000; ++i) text.push_back(static_cast<std::uint8_t>((i * i) >> 7));
  for (const int level : {1, 9}) {
    const std::uint64_t told = zstd_compressed_size(text, level), real = zstd_compress(text, level).size();
    CHECK(told <= real + real / 50 + 64);
    CHECK(real <= told + told / 50 + 64);
  }
  CHECK(zstd_compressed_size({}, 1) == zstd_compress({}, 1).size());
}
