// Sums as bytes of a .ttcal file (docs/formats/ttcal.md, "Bytes of a sum").
#pragma once

#include <string>

#include "base/bytes.h"
#include "runtime/calibration_manifest.h"

namespace tt::runtime {

// Fills `stored`.
base::Bytes pack_sum(const InputInfo& input, const BinnedSum& sum, StoredSum& stored);
// Check 9. Errors: corrupt, prefixed by `where`.
BinnedSum unpack_sum(const InputInfo& input, const StoredSum& stored, const base::Bytes& bytes,
                     const std::string& where);

}  // namespace tt::runtime
