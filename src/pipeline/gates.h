// The limits of `verify`: what each is compared with, and when it holds.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pipeline/verify.h"

namespace tt::pipeline {

// Limits that are given without what they need. Errors: usage, saying what to add.
void check_gate_options(const VerifyOptions& options);

// One gate an option, in the order of VerifyOptions. A value that is NaN never passes. Values:
//   max_drop       accuracy drop in points; bounded: the upper end of its interval
//   max_kl         mean KL in nats; bounded: mean + z se, z of the two-sided interval of `confidence` percent
//   max_error, max_abs_error, min_cosine   the worst output's relative_error, max_abs_error, cosine_min
//   max_eval_drop  how much worse the command's figure is
// Errors: bad_data if a figure cannot be had (labels that are no classes, no floating-point output).
std::vector<Gate> gates_of(const VerifyOptions& options, const runtime::Judgement& judgement,
                           const std::optional<EvalResult>& eval);

// A gate that must not exceed its limit; `what` names the value in `why`.
Gate upper_gate(const std::string& name, double limit, double value, const std::string& what);

}  // namespace tt::pipeline
