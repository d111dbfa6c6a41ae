// Encoded weights as a model in memory: what a user of the file will run, before there is a file.
#pragma once

#include <string>
#include <vector>

#include "container/container.h"
#include "model/model.h"

namespace tt::pipeline {

// `original` with every weight decoded from `weights` (by index) and `outputs` (of nodes of the main graph)
// as further outputs. Errors: those of codec; unsupported for models that do not fit into one file of 2 GB.
model::Model decoded_model(const model::Model& original,
                           const std::vector<const container::EncodedWeight*>& weights,
                           const std::vector<std::string>& outputs, unsigned threads);

}  // namespace tt::pipeline
