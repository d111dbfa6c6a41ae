// The description of everything in a .tt file; docs/formats/tt.md is the contract.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/sha256.h"
#include "codec/codec.h"
#include "model/model.h"

namespace tt::container {

inline constexpr std::uint64_t kFormatVersion = 1;

struct WeightEntry {
  std::string name;
  model::Role role = model::Role::other;
  tensor::WeightLayout layout;
  codec::Encoding encoding;
  std::vector<std::uint64_t> core_sizes;  // bytes
  base::Sha256 sha256{};                  // of the cores' bytes, one after the other
  float predicted_error = 0;              // relative error promised while planning
  float measured_error = 0;               // relative error of what is stored, measured by decoding
  std::uint64_t target_size = 0;  // bytes in the output file (differs from payload_size() only for varint16)
};

struct SourceEntry {
  std::string location;  // empty for the model file
  std::uint64_t bytes = 0;
  base::Sha256 sha256{};
};

struct Manifest {
  std::string tool_version;
  model::FileFormat source_format = model::FileFormat::onnx;
  bool exact = false;                      // decompress restores the input file(s) byte for byte
  std::vector<SourceEntry> sources;        // the input files
  std::vector<model::SkeletonFile> files;  // the output files as pieces
  std::uint64_t literal_bytes = 0;         // skeleton, uncompressed
  base::Sha256 skeleton_sha256{};          // of the stored (compressed) skeleton
  std::vector<WeightEntry> weights;
  std::uint64_t seed = 0;
  base::Json options;  // the effective options, an object
  std::string cpu;     // CPU type that encoded
};

}  // namespace tt::container
