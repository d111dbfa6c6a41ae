// A .tt file behind any source of bytes: an input file, or an output file that is read back before it is
// published.
#pragma once

#include <cstdint>
#include <string>

#include "base/zstd_frame.h"
#include "container/layout.h"
#include "container/manifest.h"

namespace tt::container {

struct StoredFile {
  std::string name;  // for messages
  Manifest manifest;
  StoredCores cores;   // with sizes and offsets
  std::string header;  // with its length and padding
  Layout layout;
  std::uint64_t skeleton_size = 0, manifest_size = 0;
};

// All checks of docs/formats/tt.md but those of weights and skeleton.
StoredFile read_stored(const base::ByteSource& read, std::uint64_t file_size, const std::string& name);

// Errors: corrupt, naming the weight or the skeleton.
void check_weight(const base::ByteSource& read, const StoredFile& file, std::size_t weight);
void check_skeleton(const base::ByteSource& read, const StoredFile& file);

}  // namespace tt::container
