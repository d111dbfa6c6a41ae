// Where does a compressed model go wrong first? The outputs of its layers against the original's, on samples.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "model/model.h"
#include "runtime/samples.h"
#include "runtime/session.h"

namespace tt::pipeline {

// One layer, with the errors of the layers before it. y: its output in the original (behind its bias), y^ in
// the candidate, x and x^ what goes in; figures as in runtime/output_error.h.
struct LayerQuality {
  std::string name, role;  // of the weight, as the original calls it if it has a layer with this output
  std::string node, op;    // of the candidate
  std::string output;      // the value that is compared
  double activation_quality = 1, cosine_min = 1;  // of the rows of y and y^: mean cosine, smallest
  double relative_error = 0;                      // ||y - y^|| / ||y||
  // ||x - x^|| / ||x||, 0 where x is an input of the model; empty where x is an integer, a constant, or no
  // value of both graphs.
  std::optional<double> input_error;

  // What the layer adds to the error of its input, were both independent: sqrt(max(0, e_y^2 - e_x^2)).
  std::optional<double> added_error() const;
};

struct LayerQualities {
  std::vector<LayerQuality> layers;  // in graph order of the candidate
  // Uses of weights of layers of the candidate that cannot be compared: inside If, Loop, Scan or a function,
  // of which the original has no output of this name, or that are in `notes`.
  std::uint64_t unseen = 0;
  std::vector<std::string> notes;  // which layers' outputs could not be compared, and why

  const LayerQuality* first_below(double quality) const;  // null if there is none
  const LayerQuality* most_added() const;                 // null if nothing is known
};

struct LayerQualityOptions {
  runtime::SessionOptions session;
  std::string mask_input;  // as JudgeOptions
};

// Runs both models on all samples with the values of their layers as further outputs. Errors: unsupported for
// models above 2 GB; those of compare_values (pipeline/layer_values.h).
LayerQualities layer_qualities(const model::Model& original, const model::Model& candidate,
                               const runtime::Samples& samples, const LayerQualityOptions& options,
                               base::Progress& progress);

}  // namespace tt::pipeline
