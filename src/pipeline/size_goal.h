// Meets a size goal exactly: plans are priced by estimates, files are weighed as they are.
//
// The planner's budget (bytes of cores) is the goal minus everything else that the file holds. After each
// encoding the real size of the whole file is known, and the budget moves by what was missed, inside a
// bracket of budgets known to be good and too large; it ends when the file is within kSlack of the goal or
// the bracket is empty. Then no budget of estimates lies nearer to the goal, and the plan is made again with
// prices that are corrected by what was encoded (plan/known_sizes.h). Only weights whose choice changes are
// encoded again.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pipeline/encoder.h"

namespace tt::pipeline {

struct FittedPlan {
  plan::Plan plan;
  std::vector<const container::EncodedWeight*> weights;
  container::FileSize size;
};

inline constexpr double kSlack = 0.001;  // of the goal
inline constexpr int kMaxRounds = 24;
// The manifest names the goal: the file for a larger goal may be longer by its digits.
inline constexpr std::uint64_t kGoalDigits = 16;

// Errors: goal_unreachable, naming the smallest size found and `bytes_in`.
FittedPlan fit_to_size(const std::vector<plan::Curve>& curves, const plan::Importances& importances,
                       const container::Writer& writer, Encoder& encoder, std::uint64_t goal,
                       std::uint64_t bytes_in, base::Progress& progress);

// What is left of `goal` for cores, about.
std::uint64_t core_budget(std::uint64_t goal, const container::Writer& writer, std::size_t weights);

// Encodes one plan and weighs the file; `keep` as in Encoder::encode.
FittedPlan fit_plan(const plan::Plan& plan, const plan::Plan* keep, const container::Writer& writer,
                    Encoder& encoder, base::Progress& progress);

[[noreturn]] void throw_unreachable(std::uint64_t goal, std::uint64_t smallest, std::uint64_t bytes_in);

}  // namespace tt::pipeline
