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

// What no decoded value may exceed: finite in the weight's own type and in float32.
double largest_value(tensor::DType dtype);

// The metric of a weight without calibration; its axis is the one with the longer columns of codes.
tensor::Metric identity_metric(const WeightLayout& layout);

// The plan that a weight is rounded by: the one given, else one of the metric given, else of C = I, which is
// put into `own`.
const tensor::SicPlan& plan_for(const WeightLayout& layout, const EncodeOptions& options,
                                std::optional<tensor::SicPlan>& own);

// The step of which point(step).bytes come near `bytes` (within 0.2 % where that can be reached), from
// `start`.
double step_for_bytes(double bytes, double start, const std::function<QuantPoint(double step)>& point);

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
  // Of `rate` bits a weight.
  double step_for_rate(double rate) const;
  // The weight is given up on the way: nothing else may be asked after that.
  Core take_core(double step);

 private:
  struct Rounded {
    tensor::SicCodes codes;
    double bytes = 0;
  };
  using Bytes = std::function<double(const tensor::SicCodes&)>;
  tensor::SicCodes round(const tensor::SicWeight& weight, double step, bool trellis) const;
  Rounded better(const tensor::SicWeight& weight, double step, const Bytes& bytes) const;
  QuantPoint point(const tensor::SicWeight& weight, double step) const;
  std::uint64_t inputs() const { return axis_ == 1 ? layout_.cols : layout_.rows; }

  WeightLayout layout_;
  bool kernel_;  // of a convolution: its codes may also be free and predicted
  unsigned axis_;
  tensor::SicWeight weight_;
};

}  // namespace tt::codec
