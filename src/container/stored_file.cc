#include "container/stored_file.h"

#include <algorithm>

#include "base/text.h"
#include "container/format_limits.h"
#include "container/header.h"
#include "container/manifest_text.h"

namespace tt::container {
namespace {

void hash_range(const base::ByteSource& read, std::uint64_t offset, std::uint64_t size,
                base::Sha256Hasher& hasher) {
  base::Bytes buffer(static_cast<std::size_t>(std::min<std::uint64_t>(size, 1u << 20)));
  while (size > 0) {
    const auto piece =
        std::span(buffer).first(static_cast<std::size_t>(std::min<std::uint64_t>(size, buffer.size())));
    read(offset, piece);
    hasher.update(piece);
    offset += piece.size();
    size -= piece.size();
  }
}

// What the manifest describes, laid out again: sizes must add up to the file, and the header must be this
// one. Check 14.
void check_layout(StoredFile& file, const Header& header, std::uint64_t typed) {
  const std::string where = "header of " + base::quoted(file.name);
  const FixedParts parts{header.skeleton_size, header.manifest.size(), file.manifest.tool_version,
                         header.root};
  file.layout = as_corrupt(where, [&] { return make_layout(file.cores, typed, parts); });
  if (file.layout.header != header.text) refuse(where + ": not the one that the manifest describes");
  if ((file.manifest.literal_bytes == 0) != (header.skeleton_size == 0)) {
    refuse("skeleton of " + base::quoted(file.name) + ": its size does not fit the literals");
  }
}

}  // namespace

StoredFile read_stored(const base::ByteSource& read, std::uint64_t file_size, const std::string& name) {
  Header header = read_header(read, file_size, name);
  ParsedManifest parsed = parse_manifest(header.manifest, "manifest of " + base::quoted(name));
  StoredFile file;
  file.name = name;
  file.manifest = std::move(parsed.manifest);
  file.cores = std::move(parsed.cores);
  file.skeleton_size = header.skeleton_size;
  file.manifest_size = header.manifest.size();
  check_layout(file, header, parsed.typed);
  file.header = std::move(header.text);
  return file;
}

void check_weight(const base::ByteSource& read, const StoredFile& file, std::size_t weight) {
  base::Sha256Hasher hasher;
  for (const StoredCore& core : file.cores[weight]) hash_range(read, core.offset, core.size, hasher);
  const WeightEntry& entry = file.manifest.weights[weight];
  if (hasher.finish() == entry.sha256) return;
  refuse("weight " + base::quoted(entry.name) + " of " + base::quoted(file.name) +
         ": its bytes have not the sha256 of the manifest");
}

void check_skeleton(const base::ByteSource& read, const StoredFile& file) {
  base::Sha256Hasher hasher;
  hash_range(read, file.layout.skeleton, file.skeleton_size, hasher);
  if (hasher.finish() == file.manifest.skeleton_sha256) return;
  refuse("skeleton of " + base::quoted(file.name) + ": its bytes have not the sha256 of the manifest");
}

}  // namespace tt::container
