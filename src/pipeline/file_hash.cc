#include "pipeline/file_hash.h"

#include <algorithm>

#include "base/sha256.h"

namespace tt::pipeline {

std::string sha256_of(const base::OutputFile& out) {
  base::Sha256Hasher hasher;
  base::Bytes buffer(1 << 20);
  for (std::uint64_t offset = 0; offset < out.size();) {
    const std::size_t length =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), out.size() - offset));
    out.read(offset, std::span(buffer).first(length));
    hasher.update(base::ByteView(buffer).first(length));
    offset += length;
  }
  return base::hex(hasher.finish());
}

}  // namespace tt::pipeline
