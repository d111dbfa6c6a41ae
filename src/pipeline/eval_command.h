// --eval-cmd: the user's own judge of a model.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "model/model.h"
#include "pipeline/verify.h"

namespace tt::pipeline {

// `text` as words (base/command.h), every "{}" replaced by `path`; without one, `path` is the last word.
// Errors: usage.
std::vector<std::string> command_for(std::string_view text, const std::string& path);

// The last line that is not blank: a finite decimal number, blanks around it allowed. Nothing if it is none.
std::optional<double> figure_of(std::string_view output);

// Writes both models as dense ONNX to a private temporary folder (original/original.onnx,
// candidate/candidate.onnx), runs the command on each, removes the folder. drop: original - candidate if a
// larger figure is better, else the other way round. Errors: those of base::run_command, naming the model;
// bad_data if there is no number; cannot_create, write_failed.
EvalResult evaluate(const VerifyOptions& options, const model::Model& original, const model::Model& candidate,
                    base::Progress& progress);

}  // namespace tt::pipeline
