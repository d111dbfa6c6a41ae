// Where everything lies in a .tt file: a pure function of the cores, the number of typed cores and the sizes
// of skeleton and manifest. Writer and reader share it, so a header that differs by one byte from the one
// built here is refused.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "codec/codec.h"

namespace tt::container {

// A core as it is stored; `layout.dtype` tells plain floats from coded bytes.
struct StoredCore {
  codec::CoreLayout layout;
  std::uint64_t size = 0;    // bytes
  std::uint64_t offset = 0;  // in the file, set by make_layout()
};
using StoredCores = std::vector<std::vector<StoredCore>>;  // by weight

// The cores of one weight, sizes of plain float cores filled, 0 for coded ones. Errors: usage or bad_data
// (does not fit the weight).
std::vector<StoredCore> stored_cores(const codec::WeightLayout& layout, const codec::Encoding& encoding);

struct FixedParts {
  std::uint64_t skeleton = 0, manifest = 0;  // bytes of these tensors
  std::string tool;
  base::Sha256 root{};
};

struct Layout {
  std::string header;                                   // with its length in front and its padding
  std::uint64_t cores = 0, packed_cores = 0;            // bytes of all cores; of tt.cores
  std::uint64_t skeleton = 0, manifest = 0, total = 0;  // offsets in the file; its size
};

// Cores that may be tensors of their own.
std::uint64_t eligible_cores(const StoredCores& cores);
// How many of them become tensors within the overhead bound. `parts.manifest` may be that of another count of
// typed cores.
std::uint64_t choose_typed(const StoredCores& cores, const FixedParts& parts);
// Sets the offsets of `cores`. `typed` <= eligible_cores(). Errors: bad_data if sizes overflow.
Layout make_layout(StoredCores& cores, std::uint64_t typed, const FixedParts& parts);

}  // namespace tt::container
