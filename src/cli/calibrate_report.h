// What calibrate, and inspect for .ttcal files, report.
#pragma once

#include <string>

#include "base/json.h"
#include "pipeline/calibrate.h"
#include "pipeline/inspect.h"

namespace tt::cli {

std::string calibrate_text(const pipeline::CalibrateReport& report, bool verbose);
base::Json calibrate_json(const pipeline::CalibrateReport& report);
std::string inspect_calibration_text(const pipeline::InspectReport& report, bool verbose);
base::Json inspect_calibration_json(const pipeline::InspectReport& report);

}  // namespace tt::cli
