// The description inside a .ttcal file, as JSON.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "runtime/calibration.h"

namespace tt::runtime {

enum class SumCoding : std::uint8_t { none, raw, zstd };

// How the sum of one input is stored.
struct StoredSum {
  SumCoding coding = SumCoding::none;
  std::uint64_t bytes = 0, blocks = 0;
  base::Sha256 sha256{};
};

struct CalibrationManifest {
  CalibrationInfo info;
  std::vector<StoredSum> sums;  // by input
  NamedArrays arrays;           // held-out samples, without their data
};

// The bytes of the tensor ttcal.manifest. Errors: resource_limit above the limits of the format.
base::Bytes pack_calibration_manifest(const CalibrationManifest& manifest);
// Checks 5 and 6. Errors: corrupt, resource_limit; `where` names the file.
CalibrationManifest parse_calibration_manifest(base::ByteView bytes, const std::string& where);

// Bytes of a sum before coding. Errors: resource_limit above 4 GiB.
std::uint64_t sum_content_size(const InputInfo& input);

}  // namespace tt::runtime
