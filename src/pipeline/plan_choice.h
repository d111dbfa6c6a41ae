// Chooses the importances that the plan is made with.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pipeline/encoder.h"
#include "pipeline/plan_judge.h"

namespace tt::pipeline {

// How the sensitivities were used, for the report.
struct PlanChoice {
  double alpha = 0;              // exponent of the sensitivities (pipeline/weight_metrics.h)
  std::string measure;           // of the damage; empty if plans were not judged
  std::uint64_t samples = 0;     // that judged
  std::optional<double> damage;  // of the chosen plan
  std::size_t compensated = 0;   // weights that make up for the layers before them (pipeline/compensation.h)
};

inline constexpr double kUnjudgedAlpha = 0.5;

struct ChoiceShop {
  const std::vector<plan::Curve>& curves;
  const plan::Importances& base;
  const std::vector<std::optional<double>>& sensitivities;
  Encoder& encoder;
  const PlanJudge* judge;  // null: kUnjudgedAlpha
  std::span<const double> alphas;
  base::Progress& progress;
};

// Of the plans for `budget` bytes of cores with each alpha the one that does least damage; `importances` are
// its. A budget below the smallest plan leaves kUnjudgedAlpha.
PlanChoice choose_importances(const ChoiceShop& shop, std::uint64_t budget, plan::Importances& importances);

}  // namespace tt::pipeline
