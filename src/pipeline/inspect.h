// Use case: what is in a file, from its header alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "pipeline/report.h"
#include "runtime/calibration.h"

namespace tt::pipeline {

struct InspectReport {
  std::string path, kind;            // kind: tt, onnx, safetensors, ttcal
  std::uint64_t bytes = 0;           // of the file; for models with their external data
  std::uint64_t format_version = 0;  // of a .tt file
  std::string tool_version;
  std::string source_format;   // of a .tt file: onnx, safetensors
  std::uint64_t bytes_in = 0;  // the original's
  double ratio = 0;            // bytes / bytes_in
  std::uint64_t header_bytes = 0, manifest_bytes = 0, skeleton_bytes = 0, core_bytes = 0;
  std::vector<container::SourceEntry> sources;  // the original's files
  bool exact = false;
  std::uint64_t seed = 0;
  std::string cpu;
  base::Json options;
  Stats stats;
  std::vector<WeightReport> weights;
  std::vector<std::string> notes;
  std::optional<runtime::CalibrationInfo> calibration;  // of a .ttcal file, whose other fields stay empty
};

InspectReport inspect(const std::string& path, bool allow_symlinks = false);

}  // namespace tt::pipeline
