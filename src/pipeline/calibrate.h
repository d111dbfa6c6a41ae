// Use case: samples in, the calibration of a model out; or several calibrations merged.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "pipeline/quality_limits.h"
#include "runtime/calibration.h"
#include "runtime/input_mapping.h"

namespace tt::pipeline {

struct CalibrateOptions {
  std::string model, samples, output;  // paths; output "-" is standard output
  std::vector<std::string> merge;      // .ttcal files; then there is neither model nor samples
  runtime::InputMappings inputs;
  std::string mask_input;
  std::string task;               // empty = chosen
  std::uint64_t max_samples = 0;  // the first ones; 0 is all
  bool keep_samples = true;       // hold some out, and keep them in the file
  bool sensitivities = true;
  bool spare_last_quarter = false;  // of all samples: something else is measured on it
  bool resume = false;              // go on from OUTPUT.part
  double checkpoint_seconds = 60;   // between writings of OUTPUT.part
  bool isolate = false;
  bool allow_symlinks = false;
  std::uint64_t seed = 0;
  std::uint64_t max_memory = 0;
  unsigned threads = 0;
};

struct CalibrateReport {
  std::string output, output_sha256;
  std::uint64_t bytes_out = 0;
  runtime::CalibrationInfo info;
  std::vector<std::string> warnings;
  double seconds = 0;
  std::uint64_t peak_rss_bytes = 0;
};

// The .ttcal file is complete or absent; while samples are summed, OUTPUT.part holds what can go on after an
// interruption. Errors: usage; those of model and runtime; not_found.
CalibrateReport calibrate(const CalibrateOptions& options, base::Progress& progress);

// A .ttcal file. Errors: not_found.
bool is_calibration_file(const std::string& path);

// The calibration of `model` from `path`: a .ttcal file, or samples that are summed now with `options` (whose
// model, samples, output and merge do not count). Errors: also bad_data for a calibration of another model.
runtime::CalibrationSums load_or_calibrate(const model::Model& model, const std::string& path,
                                           const CalibrateOptions& options, base::Progress& progress);

// That of `limits.calib` for planning. With limits that are judged on the same samples, what judges them is
// not summed.
std::shared_ptr<const runtime::Calibration> calibrate_for(const model::Model& model,
                                                          const QualityLimits& limits, std::uint64_t seed,
                                                          unsigned threads, base::Progress& progress);

// One line for every input that is a poor guide: "input 'x' of layer 'n' has 12 rows for 384 features: ...".
std::vector<std::string> calibration_warnings(const runtime::CalibrationInfo& info);

}  // namespace tt::pipeline
