// Values inside two models, over all samples.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "runtime/output_error.h"
#include "runtime/samples.h"
#include "runtime/session.h"

namespace tt::pipeline {

struct ValueErrors {
  std::map<std::string, runtime::OutputMetrics> compared;
  std::map<std::string, std::string> left_out;  // why, in words
  std::vector<runtime::ValueInfo> inputs;       // of the graph: the same for both

  // ||x - x^|| / ||x||: 0 for a floating-point input of the graph; nothing for what was not compared.
  std::optional<double> error_of(const std::string& value) const;
};

// The floating-point outputs of `original`. One that is not finite there, that the candidate gives in another
// type or shape or that is empty is left out: a layer that fails alone must not hide what the others say.
// `mask_input`: as runtime::JudgeOptions, without effect on values with other first axes. Errors: bad_data
// without samples; as runtime/batches.h.
ValueErrors compare_values(const runtime::Session& original, const runtime::Session& candidate,
                           const runtime::Samples& samples, const std::string& mask_input,
                           base::Progress& progress);

}  // namespace tt::pipeline
