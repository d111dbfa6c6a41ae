// Which layers are safe to compress first.
//
// For every weight w of a layer that may change, the predicted damage of compressing it alone to
// kReferenceBits bits a weight, for each byte that this saves:
//
//   score_w = s_w loss_w / (b_w - c_w)
//
//   loss_w  -ln(1 - e^2) of the best candidate of at most kReferenceBits bits a weight (plan/curve.h), e the
//           relative error of the layer's output in its metric: that of the inputs seen, or C = I
//   s_w     damage of the model's output for one unit of loss, measured by distorting w alone
//           (runtime/sensitivity.h); the largest one of the model where it was not measured; 1 for all
//           without calibration
//   b_w     bytes of the smallest exact candidate, c_w those of the candidate above
//
// Ascending scores are the order; weights that save nothing come last. To the first order damages add up, so
// that the beginning of the order is the greedy solution of the knapsack "save that many bytes with least
// damage" (Dantzig, Discrete-variable extremum problems, Operations Research 5, 1957).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "codec/encoding.h"
#include "plan/allocate.h"
#include "plan/curve.h"

namespace tt::pipeline {

inline constexpr double kReferenceBits = 2;

struct SafetyInput {
  std::size_t weight = 0;
  std::uint64_t elements = 0, bytes = 0;  // of the weight as it is
  const plan::Curve* curve = nullptr;     // at least one candidate, the last one exact
  std::optional<double> sensitivity;
};

struct SafetyEntry {
  std::size_t weight = 0;
  double damage = 0;  // s_w loss_w
  std::uint64_t bytes_saved = 0;
  std::optional<double> damage_per_byte;     // nothing where no byte is saved
  double damage_share = 0;                   // of the sum of all damages
  double bytes_before = 0, bytes_share = 0;  // shares of all bytes: of those earlier in the order; its own
  // What one plan of kReferenceBits bits a weight on average gives it, the sensitivities to the power 1/2
  // (plan/allocate.h): where the model stands and falls with one layer, the others pay for it.
  codec::Encoding encoding;
  std::uint64_t encoded_bytes = 0;
  double encoded_error = 0;  // of the layer's output
};

// Safest first. `measured`: false if there are no sensitivities at all.
struct SafetyOrder {
  bool measured = false;
  std::vector<SafetyEntry> entries;
};
SafetyOrder safety_order(const std::vector<SafetyInput>& weights);

}  // namespace tt::pipeline
