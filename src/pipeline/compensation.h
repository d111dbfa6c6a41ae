// Sequential calibration: layer after layer, in the order of the graph, what is to be encoded is moved so
// that it makes up for what the layers before it, as encoded, have done to its input (tensor/compensation.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/child.h"
#include "base/progress.h"
#include "pipeline/encoder.h"
#include "runtime/sample_blocks.h"
#include "runtime/samples.h"

namespace tt::pipeline {

struct CompensationSetup {
  const model::Model& model;  // of the encoder
  const plan::Plan& plan;     // that is encoded
  unsigned threads = 1;
  std::string mask_input;
  std::optional<base::ChildLimits> isolate = {};
};

// Gives `encoder` a target for every layer whose input changed; returns how many. The plan's other weights
// keep theirs. Errors: those of runtime and codec.
std::size_t compensate(const CompensationSetup& setup, const runtime::Samples& samples,
                       const std::vector<runtime::SampleBlock>& blocks, Encoder& encoder,
                       base::Progress& progress);

}  // namespace tt::pipeline
