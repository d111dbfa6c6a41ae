// How the input of a layer has changed, seen on samples: the same rows of the original and of a changed
// model.
#pragma once

#include <string>
#include <vector>

#include "runtime/layer_input.h"
#include "runtime/sample_blocks.h"
#include "runtime/samples.h"
#include "runtime/tapped_session.h"
#include "tensor/compensation.h"

namespace tt::runtime {

struct DriftOptions {
  unsigned threads = 1;    // no bit of the result depends on it
  std::string mask_input;  // positions where this input is 0 do not count
};

// Over the samples that `blocks` use. Both sessions give input.value. Errors: as rows_of, Samples::read and
// Session::run.
tensor::InputDrift drift_of(const LayerInput& input, const TappedSession& original,
                            const TappedSession& changed, const Samples& samples,
                            const std::vector<SampleBlock>& blocks, const DriftOptions& options);

}  // namespace tt::runtime
