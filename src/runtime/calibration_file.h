// The .ttcal file: docs/formats/ttcal.md.
#pragma once

#include <string>

#include "base/input_file.h"
#include "base/output_file.h"
#include "runtime/calibration.h"
#include "runtime/samples.h"

namespace tt::runtime {

inline constexpr std::uint64_t kCalibrationVersion = 1;

// A safetensors header that says ttcal.format.
bool is_calibration(const base::InputFile& file);

// A pure function of `sums`; the caller commits. Errors: write_failed; resource_limit for a model whose
// description is above the limits of the format.
void write_calibration(const CalibrationSums& sums, base::OutputFile& out, unsigned threads);

// The same file in memory.
base::Bytes calibration_bytes(const CalibrationSums& sums, unsigned threads);

// Header and manifest alone. Errors: bad_data (no .ttcal file), corrupt, unsupported (a newer version),
// resource_limit.
CalibrationInfo read_calibration_info(const base::InputFile& file);
// Everything, checked.
CalibrationSums read_calibration(const base::InputFile& file);

// The held-out samples for a session of the model. Errors: usage if there are none, bad_data if they do not
// fit.
Samples held_out_samples(const NamedArrays& held_out, const std::vector<ValueInfo>& inputs,
                         const std::string& name);

}  // namespace tt::runtime
