#include "model/skeleton_writer.h"

#include "base/checked.h"
#include "base/error.h"

namespace tt::model {

using base::checked_add;
using base::Error;
using base::ErrorKind;

Placement place_pieces(const std::vector<SkeletonFile>& files, std::uint64_t literal_bytes,
                       const std::vector<std::uint64_t>& payload_sizes) {
  Placement placement;
  placement.weights.resize(payload_sizes.size());
  std::uint64_t source = 0;
  for (std::uint32_t file = 0; file < files.size(); ++file) {
    std::uint64_t offset = 0;
    for (const Piece& piece : files[file].pieces) {
      if (piece.literal != 0) placement.literals.push_back({file, offset, source, piece.literal});
      source = checked_add(source, piece.literal, "literals of the skeleton");
      offset = checked_add(offset, piece.literal, "size of the output file");
      if (piece.weight == kNoWeight) continue;
      if (piece.weight >= payload_sizes.size()) {
        throw Error(ErrorKind::bad_data, "skeleton names weight " + std::to_string(piece.weight) + " of " +
                                             std::to_string(payload_sizes.size()));
      }
      std::uint64_t size = payload_sizes[piece.weight];
      placement.weights[piece.weight].push_back({file, offset, size, piece.form});
      offset = checked_add(offset, size, "size of the output file");
    }
    placement.file_sizes.push_back(offset);
  }
  if (source != literal_bytes) {
    throw Error(ErrorKind::bad_data, "skeleton uses " + std::to_string(source) +
                                         " bytes of literals, it has " + std::to_string(literal_bytes));
  }
  return placement;
}

}  // namespace tt::model
