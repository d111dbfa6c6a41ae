// zstd frames with a known size: the claimed size is checked before anything is allocated.
#pragma once

#include <cstdint>
#include <functional>

#include "base/bytes.h"

namespace tt::base {

// One frame with content size and checksum, single-threaded (same bytes for any number of threads).
// level 1..19.
Bytes zstd_compress(ByteView bytes, int level);

// The size of such a frame, without holding it (a few bytes off at most).
std::uint64_t zstd_compressed_size(ByteView bytes, int level);

// Decodes one frame of exactly `expected_size` bytes. Errors: corrupt (broken frame, other size, trailing
// bytes).
Bytes zstd_decompress(ByteView frame, std::uint64_t expected_size);

// Streams: `source(offset, out)` yields the frame's bytes, `sink` receives the content piece by piece (at
// most 128 KiB each, in order). Memory: the zstd window (<= 8 MiB) plus two small buffers. Errors: corrupt.
using ByteSource = std::function<void(std::uint64_t offset, std::span<std::uint8_t> out)>;
using ByteSink = std::function<void(ByteView piece)>;
void zstd_decompress_stream(const ByteSource& source, std::uint64_t frame_size, std::uint64_t expected_size,
                            const ByteSink& sink);

}  // namespace tt::base
