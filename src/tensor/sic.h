// Successive interference cancellation: a matrix as integer codes with one step for each input, such that
// the layer's output, not the matrix, is kept.
//
// WaterSIC (Lifar, Savkin, Ordentlich, Polyanskiy, arXiv 2603.04956), in the form without an inverse. Inputs
// are taken in descending order of C_kk; C' = C + damping tr(C)/n I = U U^T with U upper triangular. With E =
// W - W^ (outputs x inputs),
//   tr(E C' E^T) = sum_k U_kk^2 || e_k + sum_{i<k} (U_ik / U_kk) e_i ||^2,
// so input k is rounded after the errors of those before it were added to it, with the step s / U_kk: each
// input then contributes alike, about s^2 / 12 an output, and inputs that do not matter get zeros.
// Codes may follow a trellis along the outputs (tensor/trellis.h): 0.15 bits fewer at any rate.
// Differences to the paper: no rescaling afterwards (measured: below 0.5 % of the error at any rate); a code
// is not the nearest one but the one of least (distance in steps)^2 + price * bits, bits by a model of the
// column (zeros counted, geometric magnitudes): 7 to 28 % fewer bytes below 1.5 bits a weight, 1 to 3 % at 2,
// 0.2 % at 4 (MiniLM, equal error).
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "tensor/matrix.h"
#include "tensor/metric.h"
#include "tensor/spectrum.h"
#include "tensor/svd.h"

namespace tt::tensor {

// What all weights and rates of one metric share. Costs n^3 / 3 multiply-adds for a full metric.
class SicPlan {
 public:
  static constexpr double kDamping = 1e-4;  // metrics are regularised already (runtime/calibration.h)
  // Errors: bad_data if the metric's size and values do not agree, are not finite or not positive
  // semidefinite (the damping is raised up to a thousandfold first). A metric of zeros counts as identity.
  explicit SicPlan(const Metric& metric, double damping = kDamping);

  unsigned axis() const { return axis_; }
  std::uint64_t size() const { return order_.size(); }
  bool uniform() const { return uniform_; }  // identity: one step for all inputs
  // By position in the order of the algorithm: the input taken, U_kk, and row k of U_ki / U_ii, i > k (n x n,
  // empty unless the metric is full).
  const std::vector<std::uint64_t>& order() const { return order_; }
  const std::vector<double>& gains() const { return gains_; }
  const std::vector<float>& feedback() const { return feedback_; }
  double ridge() const { return ridge_; }  // what was added to the diagonal of C

 private:
  void prepare_diagonal(const std::vector<double>& diagonal, double damping);
  void prepare_full(const Metric& metric, double damping);

  unsigned axis_;
  bool uniform_ = false;
  std::vector<std::uint64_t> order_;
  std::vector<double> gains_;
  std::vector<float> feedback_;
  double ridge_ = 0;
};

struct SicOptions {
  double price = 0.13;                               // of a bit, in squared steps; 0: nearest codes
  double limit = std::numeric_limits<float>::max();  // no |code * step| is larger
  // Codes follow a trellis (tensor/trellis.h) along the outputs, a new one every so many; 0: free integers.
  std::uint64_t run = 0;
};

// Steps below 2^-22 of the largest value are powers of two, so that float32 does not round what large codes
// times them are; a rate between two octaves is then a mixture of both over the inputs.
// Step of an input: scale * (8 + (code - 1) mod 8) * 2^((code - 1) div 8) in float32 (the factor is exact),
// 0 for code 0. code <= kMaxStepCode.
inline constexpr std::uint32_t kMaxStepCode = 960;
inline constexpr std::int32_t kMaxSicCode = 1 << 30;
float sic_step(float scale, std::uint32_t code);

struct SicCodes {
  std::uint64_t inputs = 0, outputs = 0;
  std::uint64_t run = 0;                  // of SicOptions
  std::vector<std::int32_t> codes;        // inputs x outputs, in the inputs' own order
  float scale = 0;                        // the step itself if there are no step codes
  std::vector<std::uint32_t> step_codes;  // an input each, 0: all its codes are zero; empty if uniform
  double error = 0;                       // sqrt(tr(E C E^T) / tr(W C W^T)), C undamped; 0 for W = 0
  double weight_error = 0;                // ||E|| / ||W||
};

// A weight made ready for a plan. Errors: bad_data if its side along the plan's axis is not the plan's size,
// or a value is not finite.
class SicWeight {
 public:
  SicWeight(const SicPlan& plan, const MatrixView& weight);
  // Some of the outputs, evenly spread: codes of an output depend (almost) on that output only. Errors are
  // relative to their share of the whole energy, which is what few outputs with much energy leave right.
  SicWeight sample(std::uint64_t outputs) const;

  std::uint64_t outputs() const { return outputs_; }
  // Of W C'^1/2: its total is what relative errors in the metric are relative to, but for the damping. In
  // units that only ratios are free of.
  Spectrum spectrum() &&;
  // Of U^T W (inputs x outputs, in the order of the plan), in the weight's own units: v has the directions of
  // the outputs, sigma what the layer's output holds of each.
  Svd components(const SvdOptions& options) &&;
  // The s at which the relative output error would be `error` if every rounding error were uniform.
  double scale_for(double error) const;
  // Gives the memory of the values back; round() and sample() must not be called after that.
  void release() { values_ = std::vector<float>(); }
  SicCodes round(double s, const SicOptions& options = {}) const;
  double energy() const { return std::ldexp(energy_, 2 * exponent_); }  // tr(W C W^T), C undamped

 private:
  SicWeight() = default;
  void measure();
  std::vector<float> whitened(std::vector<float> values) const;  // U^T W, inputs x outputs

  const SicPlan* plan_ = nullptr;
  std::uint64_t outputs_ = 0;
  int exponent_ = 0;           // values are the weight's times 2^-exponent: the largest magnitude is below 1
  std::vector<float> values_;  // inputs x outputs, in the order of the plan
  double energy_ = 0, damped_energy_ = 0, norm_ = 0;
};

// tr(A C A^T) in double, A being `values` along the metric's axis.
double metric_energy(const MatrixView& values, const Metric& metric);

}  // namespace tt::tensor
