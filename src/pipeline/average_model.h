// The weighted mean of models of one architecture.
#pragma once

#include <string>
#include <vector>

#include "base/progress.h"
#include "model/model.h"

namespace tt::pipeline {

struct AveragePart {
  const model::Model& model;
  std::string name;  // for messages
  double share = 0;  // of the mean: at least 0, all of them add up to 1
};

struct AverageModel {
  model::Model model;
  std::uint64_t averaged = 0;      // float tensors that differ between the models
  std::vector<std::string> equal;  // those that are the same in all, kept bit for bit
};

// Every float tensor with dimensions, also those too small to be a weight, is
//   W = W_r + sum_i share_i (W_i - W_r), W_r of the largest share, the first one on a tie,
// in double, rounded to its type: what is equal everywhere stays bit for bit, and a share of 1 gives that
// model. All else (graph, integers, scalars, texts) must be the same. Every model is in memory at once.
// Errors: bad_data where architectures differ (says in what), or a value is not finite; unsupported above 2
// GB.
AverageModel average_of(const std::vector<AveragePart>& parts, unsigned threads, base::Progress& progress);

}  // namespace tt::pipeline
