// `blockquant` from both sides: what it costs, for planning, and its codes and scales, for runtimes that
// multiply with them as they are.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "codec/codec.h"
#include "tensor/group_codes.h"

namespace tt::codec {

// Bytes of the core (estimated within 2 %) and errors before rounding to the weight's own type.
struct BlockPoint {
  double bytes = 0;
  double output_error = 0;  // relative, in the metric
  double weight_error = 0;  // relative, Frobenius
};

class BlockQuantiser {
 public:
  // Groups along `axis`; `plan` must outlive it, null: C = I. With `sampled`, of some of the outputs only (at
  // least so many weights). Errors: bad_data if the plan does not fit the weight or a value is not finite.
  BlockQuantiser(const WeightData& weight, const tensor::SicPlan* plan, unsigned axis,
                 std::uint64_t sampled = UINT64_MAX);
  BlockQuantiser(const BlockQuantiser&) = delete;
  BlockPoint at(unsigned bits, std::uint64_t group) const;  // of the whole weight
  Core core(unsigned bits, std::uint64_t group) const;      // of what was sampled

 private:
  struct Part {
    std::vector<float> values;
    std::uint64_t rows = 0, cols = 0;
    std::optional<tensor::SicPlan> plan;  // where it is not the caller's
  };
  static Part part_of(const WeightData& weight, const tensor::SicPlan* plan, unsigned axis,
                      std::uint64_t sampled);
  tensor::GroupCodes round(unsigned bits, std::uint64_t group) const;

  tensor::DType dtype_;
  Part part_;
  double share_;  // of the weight
  unsigned axis_;
  tensor::GroupQuantiser quantiser_;
};

// Groups that a weight is cut into, all outputs together.
std::uint64_t scale_count(const WeightLayout& layout, const Encoding& encoding);
// Held in memory while decoding.
inline constexpr std::uint64_t kMaxScales = std::uint64_t{1} << 26;

// C order: axis 1: rows x groups, axis 0: groups x cols. Then rows of codes, in order, each once, in
// [-2^(bits-1), 2^(bits-1) - 1]. Errors: corrupt.
using ScaleSink = std::function<void(std::vector<float> scales)>;
using CodeRowSink = std::function<void(std::uint64_t row, std::span<const std::int32_t> codes)>;
void read_blockquant(const WeightLayout& layout, const Encoding& encoding, const CoreReader& cores,
                     const ScaleSink& take_scales, const CodeRowSink& take_row);

}  // namespace tt::codec
