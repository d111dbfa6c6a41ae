// The entries of a zip archive as streams (libzip): stored or deflated, not encrypted.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/input_file.h"
#include "runtime/byte_stream.h"

namespace tt::runtime {

struct ZipEntry {
  std::string name;
  std::shared_ptr<ByteStream>
      stream;  // its size is what the archive says; reading checks it and, at the end, the checksum
};

bool looks_like_zip(base::ByteView start);
// Errors: bad_data (broken, encrypted, another method, two entries of one name), resource_limit (number of
// entries, unpacked size).
std::vector<ZipEntry> open_zip(std::shared_ptr<const base::InputFile> file);

}  // namespace tt::runtime
