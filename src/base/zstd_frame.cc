#include "base/zstd_frame.h"

#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <memory>
#include <new>
#include <string>

#include "base/cancel.h"
#include "base/error.h"

namespace tt::base {
namespace {

constexpr int kMaxLevel = 19;
// Levels up to 19 use windows up to 2^23; a frame that asks for more is not ours and may not take the memory.
constexpr int kMaxWindowLog = 23;
constexpr std::uint64_t kBlockContent = std::uint64_t{128} * 1024;
constexpr std::uint64_t kSmallestBlock = 4;
constexpr std::size_t kLongestHeader = 18;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};
using CompressContext = std::unique_ptr<ZSTD_CCtx, FreeContext>;
using DecompressContext = std::unique_ptr<ZSTD_DCtx, FreeContext>;

[[noreturn]] void throw_corrupt(const std::string& why) {
  throw Error(ErrorKind::corrupt, "broken zstd frame, " + why);
}

std::size_t checked(std::size_t code, ErrorKind kind) {
  if (!ZSTD_isError(code)) return code;
  if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation) throw std::bad_alloc();
  std::string reason = ZSTD_getErrorName(code);
  std::transform(reason.begin(), reason.end(), reason.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  throw Error(kind, (kind == ErrorKind::corrupt ? "broken zstd frame, " : "zstd failed, ") + reason);
}

// `head` is the frame or its first bytes; nothing is allocated before this check.
void check_header(ByteView head, std::uint64_t frame_size, std::uint64_t expected_size) {
  if (head.size() < 4 || load_le<std::uint32_t>(head.data()) != ZSTD_MAGICNUMBER)
    throw_corrupt("it has no magic number");
  const unsigned long long claimed = ZSTD_getFrameContentSize(head.data(), head.size());
  if (claimed == ZSTD_CONTENTSIZE_ERROR || claimed == ZSTD_CONTENTSIZE_UNKNOWN)
    throw_corrupt("it does not tell its size");
  if (claimed != expected_size) {
    throw_corrupt("it holds " + std::to_string(claimed) + " bytes instead of " +
                  std::to_string(expected_size));
  }
  // No block of a frame gives more than 128 KiB, none is shorter than four bytes.
  if (expected_size / kBlockContent > frame_size / kSmallestBlock)
    throw_corrupt("it is too short for what it claims");
}

DecompressContext make_decompressor() {
  DecompressContext context(ZSTD_createDCtx());
  if (!context) throw std::bad_alloc();
  checked(ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kMaxWindowLog), ErrorKind::internal);
  return context;
}

// Counts and hands on what the decoder produced.
class Counter {
 public:
  Counter(std::uint64_t expected, const ByteSink& sink) : expected_(expected), sink_(sink) {}
  void take(ByteView piece) {
    if (piece.empty()) return;
    if (piece.size() > expected_ - total_) throw_corrupt("it holds more bytes than it claims");
    total_ += piece.size();
    sink_(piece);
  }
  bool complete() const { return total_ == expected_; }

 private:
  std::uint64_t expected_;
  std::uint64_t total_ = 0;
  const ByteSink& sink_;
};

// Decodes one input piece; true if the frame ended with it.
bool decode_piece(ZSTD_DCtx* context, ByteView piece, Bytes& out, Counter& counter) {
  ZSTD_inBuffer input{piece.data(), piece.size(), 0};
  for (;;) {
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    const std::size_t left = checked(ZSTD_decompressStream(context, &output, &input), ErrorKind::corrupt);
    counter.take(ByteView(out).first(output.pos));
    if (left == 0) {
      if (input.pos != input.size) throw_corrupt("bytes follow its end");
      return true;
    }
    if (input.pos == input.size && output.pos < output.size) return false;
  }
}

}  // namespace

namespace {

CompressContext make_compressor(int level) {
  if (level < 1 || level > kMaxLevel)
    throw Error(ErrorKind::internal, "zstd level " + std::to_string(level) + " is outside 1..19");
  CompressContext context(ZSTD_createCCtx());
  if (!context) throw std::bad_alloc();
  checked(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level), ErrorKind::internal);
  checked(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, 1), ErrorKind::internal);
  checked(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1), ErrorKind::internal);
  return context;
}

}  // namespace

std::uint64_t zstd_compressed_size(ByteView bytes, int level) {
  const CompressContext context = make_compressor(level);
  checked(ZSTD_CCtx_setPledgedSrcSize(context.get(), bytes.size()), ErrorKind::internal);
  Bytes piece(ZSTD_CStreamOutSize());
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  std::uint64_t size = 0;
  for (std::size_t left = 1; left != 0;) {
    ZSTD_outBuffer out{piece.data(), piece.size(), 0};
    left = checked(ZSTD_compressStream2(context.get(), &out, &in, ZSTD_e_end), ErrorKind::internal);
    size += out.pos;
  }
  return size;
}

Bytes zstd_compress(ByteView bytes, int level) {
  const CompressContext context = make_compressor(level);
  Bytes frame(checked(ZSTD_compressBound(bytes.size()), ErrorKind::internal));
  frame.resize(checked(ZSTD_compress2(context.get(), frame.data(), frame.size(), bytes.data(), bytes.size()),
                       ErrorKind::internal));
  frame.shrink_to_fit();
  return frame;
}

Bytes zstd_decompress(ByteView frame, std::uint64_t expected_size) {
  check_header(frame, frame.size(), expected_size);
  if (checked(ZSTD_findFrameCompressedSize(frame.data(), frame.size()), ErrorKind::corrupt) != frame.size()) {
    throw_corrupt("bytes follow its end");
  }
  const DecompressContext context = make_decompressor();
  Bytes bytes(expected_size);
  const std::size_t size =
      checked(ZSTD_decompressDCtx(context.get(), bytes.data(), bytes.size(), frame.data(), frame.size()),
              ErrorKind::corrupt);
  if (size != expected_size) throw_corrupt("it holds fewer bytes than it claims");
  return bytes;
}

void zstd_decompress_stream(const ByteSource& source, std::uint64_t frame_size, std::uint64_t expected_size,
                            const ByteSink& sink) {
  Bytes head(static_cast<std::size_t>(std::min<std::uint64_t>(frame_size, kLongestHeader)));
  if (!head.empty()) source(0, head);
  check_header(head, frame_size, expected_size);
  const DecompressContext context = make_decompressor();
  Bytes in(static_cast<std::size_t>(std::min<std::uint64_t>(frame_size, kBlockContent)));
  Bytes out(kBlockContent);
  Counter counter(expected_size, sink);
  bool ended = false;
  for (std::uint64_t offset = 0; offset < frame_size;) {
    if (ended) throw_corrupt("bytes follow its end");
    check_cancelled();
    const auto piece = std::span(in).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(in.size(), frame_size - offset)));
    source(offset, piece);
    ended = decode_piece(context.get(), piece, out, counter);
    offset += piece.size();
  }
  if (!ended || !counter.complete()) throw_corrupt("it ends too early");
}

}  // namespace tt::base
