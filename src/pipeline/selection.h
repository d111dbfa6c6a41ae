// Which weights may be changed, and how far: patterns and roles become price options.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/pattern.h"
#include "model/model.h"
#include "pipeline/compress.h"
#include "plan/allocate.h"
#include "plan/price.h"

namespace tt::pipeline {

struct Selection {
  std::vector<plan::PriceOptions> options;  // by weight
  plan::Importances importances;            // by weight, without calibration
  std::vector<std::string> reasons;         // why a weight stays exact, else empty
  tensor::SvdMethod svd_method = tensor::SvdMethod::truncated;
  std::vector<std::string> warnings;  // patterns that match nothing
};

// `exact`: everything stays exact (--lossless).
Selection select_weights(const model::Model& model, const CompressOptions& options, bool exact);

// PATTERN of the command line: RE2 over the weight's name and its nodes' names, or `role:NAME` (a role or its
// part before the dot).
class WeightPattern {
 public:
  explicit WeightPattern(const std::string& text);
  bool matches(const model::Weight& weight) const;
  bool matches(const std::string& name, const std::string& role) const;

 private:
  std::string role_;
  std::optional<base::Pattern> pattern_;
};

}  // namespace tt::pipeline
