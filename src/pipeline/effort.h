// What an effort means: time for quality.
#pragma once

#include <span>
#include <string_view>

#include "plan/quant_curve.h"

namespace tt::pipeline {

enum class Effort { fast, normal, max };

struct EffortTerms {
  std::string_view name;           // as the command line has it
  plan::QuantGrid grid;            // where the curves of `quant` are measured
  bool quant_first;                // layers are quantised or exact, nothing else is priced
  std::span<const double> alphas;  // powers of the sensitivities whose plans are judged; none: kUnjudgedAlpha
  bool generates;                  // runs the model on generated inputs where there are no samples
  bool compensates;                // layers make up for those before them, where samples were given
  bool bounds;                     // the report has the bound and the low rank of every weight
};

const EffortTerms& terms_of(Effort effort);

}  // namespace tt::pipeline
