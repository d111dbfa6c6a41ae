// `quant` from the side of the encoder: what a weight costs at any rate, for planning, and its codes.
#pragma once

#include <algorithm>
#include <cstdint>

#include "codec/codec.h"
#include "tensor/sic.h"

namespace tt::codec {

// A weight at one step: bytes of the core (estimated within 2 %) and errors before rounding to the weight's
// own type.
struct QuantPoint {
  double step = 0;  // Encoding::step
  double bytes = 0;
  double output_error = 0;  // relative, in the metric
  double weight_error = 0;  // relative, Frobenius
};

// The metric of a weight without calibration; its axis is the one with the longer columns of codes.
tensor::Metric identity_metric(const WeightLayout& layout);

// No decoded value may overflow in the weight's own type.
double largest_value(tensor::DType dtype);

// Large matrices are coded in bands of rows, so that what the coder needs in memory stays below some 50 MB.
inline constexpr std::uint64_t kBandCodes = std::uint64_t{1} << 21;
inline std::uint64_t band_rows(std::uint64_t cols) {
  return std::max<std::uint64_t>(1, kBandCodes / std::max<std::uint64_t>(1, cols));
}

class Quantiser {
 public:
  // `plan` must outlive it. Errors: bad_data if the plan does not fit the weight or a value is not finite.
  Quantiser(const WeightData& weight, const tensor::SicPlan& plan);

  QuantPoint at(double step) const;
  // The same from some of the outputs (at least `elements` weights), in their share of the time.
  class Sample {
   public:
    Sample(const Quantiser& quantiser, tensor::SicWeight weight)
        : quantiser_(quantiser), weight_(std::move(weight)) {}
    QuantPoint at(double step) const { return quantiser_.point(weight_, step); }

   private:
    const Quantiser& quantiser_;
    tensor::SicWeight weight_;
  };
  Sample sample(std::uint64_t elements) const;
  // The step of which at().bytes come near `rate` bits a weight (within 0.2 % where that can be reached).
  double step_for_rate(double rate) const;
  // The weight is given up on the way: nothing else may be asked after that.
  Core take_core(double step);

 private:
  tensor::SicCodes round(const tensor::SicWeight& weight, double step) const;
  QuantPoint point(const tensor::SicWeight& weight, double step) const;

  WeightLayout layout_;
  unsigned axis_;
  tensor::SicWeight weight_;
};

}  // namespace tt::codec
