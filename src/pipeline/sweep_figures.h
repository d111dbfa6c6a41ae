// The figures of a verify report as one flat list, for tables of many reports.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/verify.h"

namespace tt::pipeline {

struct Figure {
  std::string name;
  double value = 0;
  bool operator==(const Figure&) const = default;
};

// As far as they were measured: kl_mean, kl_median, kl_p90, kl_p99, kl_se, top1_agreement, top5_agreement,
// accuracy, accuracy_drop, accuracy_drop_low, accuracy_drop_high (points), perplexity, label_error; of the
// worst floating-point output relative_error, max_abs_error, mse, mae, pearson, cosine_mean, cosine_min.
std::vector<Figure> figures_of(const VerifyReport& report);
// accuracy, perplexity and label_error of the original.
std::vector<Figure> original_figures(const VerifyReport& report);

// Of that name, if it was measured.
std::optional<double> figure_of(const std::vector<Figure>& figures, std::string_view name);

// What files are compared by: kl_mean where rows are predictions, cosine_loss (1 - cosine_mean) of
// embeddings, else relative_error.
std::string_view damage_measure(const VerifyReport& report);
// Infinite where the candidate's outputs are not finite.
double damage_of(const VerifyReport& report);

}  // namespace tt::pipeline
