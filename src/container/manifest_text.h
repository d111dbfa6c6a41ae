// The manifest as bytes: a compressed JSON text of columns, then the hashes. docs/formats/tt.md names every
// key.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "container/layout.h"
#include "container/manifest.h"

namespace tt::container {

// The bytes of tt.manifest. `cores` gives the sizes of coded cores; `typed` the number of typed cores.
// Errors: resource_limit (more than a reader accepts), unsupported (a location that is not UTF-8).
base::Bytes pack_manifest(const Manifest& manifest, const StoredCores& cores, std::uint64_t typed);

struct ParsedManifest {
  Manifest manifest;
  StoredCores cores;  // sizes set, offsets not yet
  std::uint64_t typed = 0;
};

// The inverse: checks 9 to 13 of docs/formats/tt.md. Errors: corrupt, resource_limit, both prefixed by
// `where`.
ParsedManifest parse_manifest(base::ByteView stored, const std::string& where);

}  // namespace tt::container
