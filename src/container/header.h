// The header of a .tt file as found: checks 1 to 8 of docs/formats/tt.md, before anything in it is trusted.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/sha256.h"
#include "base/zstd_frame.h"

namespace tt::container {

struct Header {
  std::string text;  // with its length in front and its padding, as stored
  base::Sha256 root{};
  std::uint64_t skeleton_size = 0;
  base::Bytes manifest;  // the tensor; its sha256 is `root`
};

// `read(offset, out)` yields bytes of the file, `name` stands in messages. Errors: corrupt, unsupported,
// bad_data.
Header read_header(const base::ByteSource& read, std::uint64_t file_size, const std::string& name);

}  // namespace tt::container
