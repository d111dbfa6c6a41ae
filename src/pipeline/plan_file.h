// The plan as a file (--plan-out, --plan), and the options that a manifest records.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "pipeline/compress.h"
#include "pipeline/selection.h"

namespace tt::pipeline {

// {"tt_plan": 1, "weights": [{"name": ..., "encoding": SPEC}, ...]}, written atomically.
struct PlannedWeight {
  std::string name, spec;
};
void write_plan_file(const std::string& path, const std::vector<PlannedWeight>& weights);

// Fixes the encoding of every weight that the file names; all others stay exact. Errors: not_found; bad_data
// (not a plan, unknown or repeated weight, bad SPEC).
void apply_plan_file(const std::string& path, const model::Model& model, Selection& selection);

// Everything that decides the bytes of the output; no paths, no thread counts.
base::Json options_json(const CompressOptions& options, bool lossless);

}  // namespace tt::pipeline
