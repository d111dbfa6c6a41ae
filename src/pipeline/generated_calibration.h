// A calibration for models that come without samples, from inputs that are made up
// (runtime/generated_samples.h): a poor guide to what users feed, but a better one than C = I.
//
// The model runs in a child process with limits, since the user did not ask for it to be run. As many samples
// as kMaxMacs multiply-adds allow, the sensitivities included: kTokenSamples or kPictureSamples, halved down
// to kFewestSamples; an eighth of them, at least two, for sensitivities.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/child.h"
#include "base/progress.h"
#include "model/model.h"
#include "runtime/calibration.h"

namespace tt::pipeline {

struct GeneratedOptions {
  unsigned threads = 1;
  std::uint64_t seed = 0;
  std::uint64_t max_memory = 0;  // of the child; 0 is no limit
};

struct GeneratedCalibration {
  std::shared_ptr<const runtime::Calibration> known;  // null: see why_not
  std::uint64_t samples = 0;
  std::string why_not;  // one line
};

// Limits of one call of the child.
base::ChildLimits generated_limits(std::uint64_t max_memory);

// What goes wrong with the model is a reason, not an error. Errors: interrupted, terminated.
GeneratedCalibration calibrate_on_generated(const model::Model& model, const GeneratedOptions& options,
                                            base::Progress& progress);

}  // namespace tt::pipeline
