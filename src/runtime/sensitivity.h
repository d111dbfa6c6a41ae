// How much the output suffers from one unit of error in one weight.
//
// Each weight W alone is replaced by W + E, E uniform noise with D(E) = (1/10)^2 D(W) in the weight's metric
// (tensor/metric.h), drawn by counter from the seed, the weight's index and the element's. The
// sensitivity is the output's damage (runtime/damage.h) / D(E).
#pragma once

#include "base/progress.h"
#include "runtime/calibrate.h"

namespace tt::runtime {

// Measures the weights from sums.info.part->weight on, on the first samples (at most kMaxProbeSamples and
// `available`), and adds one probe to sums. Weights that meet no layer are measured in the identity metric.
// Not measured: weights that are zero or not finite, and those whose distortion gives outputs that are not
// finite. Errors: as Session; bad_data if the original's outputs are not finite.
void measure_sensitivities(const model::Model& model, const Samples& samples, std::uint64_t available,
                           const CalibrateOptions& options, CalibrationSums& sums, base::Progress& progress);

}  // namespace tt::runtime
