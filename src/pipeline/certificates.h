// What a written weight is worth, beyond what its file says: measured in its layer's metric, against the
// limit.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/model.h"
#include "pipeline/size_goal.h"
#include "pipeline/weight_metrics.h"
#include "tensor/spectrum.h"

namespace tt::pipeline {

inline constexpr std::uint64_t kMaxBoundSide = 2048;  // eigenvalues of a larger side take too long

struct Certificate {
  // sqrt(tr(E C E^T) / tr(W C W^T)) of the decoded weight; C = I without calibration.
  double output_error = 0;
  // Bits a weight that no coding of a Gaussian matrix of this spectrum can do without at this error
  // (tensor/gaussian_bound.h); nothing for exact weights, vectors, matrices with both sides above
  // kMaxBoundSide, and where the effort leaves it out.
  std::optional<double> bound_bits;
  // Bytes of the plain low rank (half-precision factors) of the same error, and its rank.
  std::optional<std::uint64_t> low_rank_bytes, low_rank;
};

// What errors are relative to: the spectrum of W C^1/2 of one weight, C = I where nothing is known.
struct MetricSpectrum {
  tensor::Spectrum spectrum;
  std::uint64_t outputs = 0;
};
// Nothing for vectors and where both sides are above kMaxBoundSide. The payload is given up on the way.
std::optional<MetricSpectrum> metric_spectrum(tensor::WeightData data, const WeightMetrics& metrics,
                                              std::size_t weight);
// Fills bound and low rank at certificate.output_error.
void add_bounds(const MetricSpectrum& known, const tensor::WeightLayout& layout, Certificate& certificate);

// Of every weight of the plan; `bounds`: with bound and low rank. Errors: those of model and codec.
std::vector<Certificate> certify(const model::Model& model, const WeightMetrics& metrics,
                                 const std::vector<const container::EncodedWeight*>& weights, bool bounds,
                                 unsigned threads);

}  // namespace tt::pipeline
