// `tucker` from the side of the encoder: the kernels of a convolution in a basis of functions of the tap
// (tensor/tap_basis.h), their coefficients rounded and coded like a weight of `quant`.
//
// Neighbouring taps are alike, in the kernels and in the patches that they meet; in this basis they are not,
// and functions that carry little round to zero. Costs the functions, some 70 bytes for 3x3.
#pragma once

#include <optional>

#include "codec/quant.h"
#include "tensor/tap_basis.h"

namespace tt::codec {

inline constexpr std::uint64_t kMostTaps = 64;
inline constexpr std::uint64_t kMostKernelInputs = 2304;  // of the encoder: it works on their square

// Of a weight (outputs, channels, taps ...) with a row an output and 2 to kMostTaps taps.
std::optional<tensor::KernelShape> kernel_shape(const WeightLayout& layout);

// False for weights that are no kernels, too wide, of another metric than one of patches, or not finite, too
// large or too small (has_coded_factors).
bool has_tap_basis(const WeightData& weight, const tensor::SicPlan& plan);

// The weight has_tap_basis().
class TapQuantiser {
 public:
  TapQuantiser(const WeightData& weight, const tensor::SicPlan& plan);
  TapQuantiser(const TapQuantiser&) = delete;
  TapQuantiser& operator=(const TapQuantiser&) = delete;

  // From some of the outputs, at least `elements` weights.
  class Sample {
   public:
    Sample(const TapQuantiser& whole, std::uint64_t elements)
        : whole_(whole), sample_(whole.coefficients_->sample(elements)) {}
    QuantPoint at(double step) const { return whole_.counted(sample_.at(step)); }

   private:
    const TapQuantiser& whole_;
    Quantiser::Sample sample_;
  };
  QuantPoint at(double step) const { return counted(coefficients_->at(step)); }
  double alike() const { return alike_; }  // of its tensor::TapBasis
  double step_for_rate(double rate) const;
  // The coefficients are given up on the way: nothing else may be asked after that.
  Core take_core(double step);

 private:
  QuantPoint counted(QuantPoint point) const;  // with the functions, and errors of the weight

  double elements_ = 0, alike_ = 0;
  base::Bytes head_;
  double unit_ = 1;  // norm of the coefficients / norm of the weight
  std::optional<tensor::SicPlan> plan_;
  std::optional<Quantiser> coefficients_;
};

}  // namespace tt::codec
