// The order of successive interference cancellation (tensor/sic.h): one input after the other, each with the
// errors of those before it added to what it is rounded from.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "tensor/sic.h"

namespace tt::tensor {

// Values times 2^-e are below 1 in magnitude, e the least such; 0 for zeros. Errors: bad_data if a value is
// not finite.
int exponent_of(std::span<const float> values);

class SicFeedback {
 public:
  // `values`: inputs x outputs, in the order of the plan. Both must outlive it.
  SicFeedback(const SicPlan& plan, std::uint64_t outputs, std::span<const float> values);

  // Called for every position k = 0, 1, ... of the plan's order: codes are chosen for `targets` (an output
  // each), `errors` is to be filled with values - what the codes stand for.
  using RoundInput =
      std::function<void(std::uint64_t k, std::span<const float> targets, std::span<float> errors)>;
  void run(const RoundInput& round_input);

 private:
  void add_earlier_errors(std::uint64_t k, std::uint64_t first);
  void update_later(std::uint64_t first, std::uint64_t end);

  const SicPlan& plan_;
  std::uint64_t n_, m_;
  std::span<const float> values_;
  std::vector<float> targets_, errors_;  // targets: only with feedback; errors: of one block of inputs
};

}  // namespace tt::tensor
