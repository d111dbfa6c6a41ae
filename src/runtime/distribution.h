// One row of scores as a probability distribution, and what two of them have in common.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/task.h"

namespace tt::runtime {

enum class RowState : std::uint8_t { good, not_finite, no_distribution };

// Logarithms of the probabilities: logits and values by log-softmax, probabilities divided by their sum. No
// distribution: a negative probability, or a sum further from 1 than kSumTolerance (logarithms likewise).
inline constexpr double kSumTolerance = 0.02;  // float16 with 1,000 classes
RowState log_probabilities(std::span<const double> row, Scores scores, std::vector<double>& out);

// KL(p || q) of logarithms, as sum p (e^d - 1 - d) with d = log q - log p: no term is negative, and none is
// the small difference of large ones.
double divergence(std::span<const double> log_p, std::span<const double> log_q);

// Index of the largest value, the lowest one of several.
std::size_t best_of(std::span<const double> row);
// True if `index` is among the `count` largest; of equal ones those of lower index come first.
bool among_best(std::span<const double> row, std::size_t index, std::size_t count);

}  // namespace tt::runtime
