// Puts a model together again: literals and decoded payloads at their places. Offsets are known before
// anything is decoded, so that weights can be written in any order and from several threads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/model.h"

namespace tt::model {

// Where one payload goes. A weight may be placed several times (files that repeat it).
struct Target {
  std::uint32_t file = 0;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  PayloadForm form = PayloadForm::flat;
};
// Where a run of literals goes.
struct LiteralTarget {
  std::uint32_t file = 0;
  std::uint64_t offset = 0;  // in the output file
  std::uint64_t source = 0;  // in the literals
  std::uint64_t length = 0;
};

struct Placement {
  std::vector<std::uint64_t> file_sizes;
  std::vector<LiteralTarget> literals;       // ascending by source
  std::vector<std::vector<Target>> weights;  // by weight index
};

// `payload_sizes`: bytes in the output per weight (for varint16 the size of the varints, stored in the
// manifest). Errors: bad_data if a piece names an unknown weight, a size overflows or the literals do not add
// up to `literal_bytes`.
Placement place_pieces(const std::vector<SkeletonFile>& files, std::uint64_t literal_bytes,
                       const std::vector<std::uint64_t>& payload_sizes);

// Canonical varints of 16-bit elements (the int32_data form) and back. Errors of the decoder: bad_data (not
// canonical, above 65535).
base::Bytes to_varint16(base::ByteView payload);
base::Bytes from_varint16(base::ByteView varints, std::uint64_t elements);

}  // namespace tt::model
