// What an edit does to the outputs of the model on samples.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "model/model.h"
#include "runtime/input_mapping.h"
#include "runtime/output_error.h"

namespace tt::pipeline {

struct EffectSamples {
  std::string path;
  runtime::InputMappings inputs;
  std::string mask_input, task;  // as those of verify
};

struct Effect {
  std::uint64_t samples = 0;
  std::vector<runtime::OutputMetrics> outputs;
  double relative_error = 0;                      // the largest of an output
  std::optional<double> top1_agreement, mean_kl;  // where the model is one that predicts
  bool finite = true;                             // of the edited model's outputs
};

// `after` against `before`. Errors: as verify.
Effect effect_of(const model::Model& before, const model::Model& after, const EffectSamples& samples,
                 unsigned threads, base::Progress& progress);

}  // namespace tt::pipeline
