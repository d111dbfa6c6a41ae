// A matrix as integer codes of 4 or 8 bits with one scale for each group of neighbouring inputs of an output:
// the form that runtimes multiply with (ONNX DequantizeLinear, MatMulNBits).
//
// W^_oi = scale_{o, i div group} * code_oi, codes in [-2^(bits-1), 2^(bits-1) - 1], no zero points. Scales
// come first, from the weight alone: of those on the grid below the one of least
//   sum_i c_i (w_oi - W^_oi)^2   over the group, codes nearest,
// c_i what is left of the metric's diagonal once earlier inputs have taken up what they can (the squared
// gains of tensor/sic.h). Then codes are rounded one input after the other with error feedback (GPTQ:
// Frantar, Ashkboos, Hoefler, Alistarh, arXiv 2210.17323, in the order and form of tensor/sic.h, the scales
// staying as they are). Without feedback these are the nearest codes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tensor/matrix.h"
#include "tensor/sic.h"

namespace tt::tensor {

// Groups along an axis of `inputs`, the last one may be shorter; `group` 0: one. 0 where there is no input.
std::uint64_t group_count(std::uint64_t inputs, std::uint64_t group);

// A scale by its code 2 c + s: (-1)^s (8 + c mod 8) * 2^(c div 8), div rounded down. It has four significant
// bits, so that scale * code is exact in float32 (and in float16 where it is in range). The sign says which
// side of zero has one code more: measured at 4 bits, 6 % less error than without it.
inline constexpr std::int32_t kLeastScaleCode = -16 * 152, kMostScaleCode = 16 * 124 + 15;  // finite, not 0
float group_scale(std::int32_t code);

struct GroupCodes {
  std::uint64_t rows = 0, cols = 0;
  std::vector<std::int8_t> codes;         // rows x cols, C order
  std::vector<std::int32_t> scale_codes;  // C order; axis 1: rows x groups, axis 0: groups x cols
  double error = 0;                       // sqrt(tr(E C E^T) / tr(W C W^T)), C undamped; 0 for W = 0
  double weight_error = 0;                // ||E|| / ||W||
};

struct GroupValues;

class GroupQuantiser {
 public:
  // `plan` must outlive it. Groups run along `axis` (0 rows, 1 columns). Where that is not the plan's axis
  // its diagonal weighs outputs (how often each row of a table is looked up), which changes errors and no
  // code. Errors: bad_data if a side is not the plan's size or a value is not finite.
  GroupQuantiser(const SicPlan& plan, const MatrixView& weight, unsigned axis);
  GroupQuantiser(const GroupQuantiser&) = delete;
  GroupCodes round(unsigned bits, std::uint64_t group) const;

 private:
  struct Scales;
  struct Sums {
    double damped = 0, squared = 0;  // of an error: in the metric, and plain
  };
  double relative(const Sums& error) const;
  void gather(std::uint64_t group, std::uint64_t first, std::uint64_t output, GroupValues& out) const;
  Scales choose_scales(unsigned bits, std::uint64_t group) const;
  void round_input(std::uint64_t k, const Scales& scales, std::span<const float> targets,
                   std::span<float> errors, GroupCodes& out) const;
  void add(std::uint64_t k, std::span<const float> targets, std::span<const float> values,
           std::span<const float> errors, Sums& sums) const;

  std::optional<SicPlan> own_;  // C = I along the groups, where the metric lies across
  const SicPlan& plan_;         // along the groups
  unsigned axis_;
  std::uint64_t n_, m_;
  int exponent_ = 0;                  // values are the weight's times 2^-exponent: the largest is below 1
  std::vector<float> values_;         // inputs x outputs, inputs in the order of the plan
  std::vector<std::uint64_t> place_;  // in that order, by input
  std::vector<double> outputs_;       // what an output's squared error counts; empty: all alike
  Sums energy_;
};

}  // namespace tt::tensor
