// A model from a .onnx file, or from a .tt file (decoded in memory).
#pragma once

#include <string>

#include "container/container.h"
#include "model/model.h"

namespace tt::pipeline {

struct OpenedModel {
  model::Model model;
  std::uint64_t file_bytes = 0;              // of the .tt or .onnx file with its external data
  std::string kind;                          // "tt", "onnx"
  std::optional<std::string> source_sha256;  // of a .tt: the original's
};
// The model that a container holds, in memory. Errors: corrupt; resource_limit if it does not fit there.
model::Model decoded_model(const container::Container& container, unsigned threads);

// The same with safetensors, which hold no graph: nothing is run. `kind` also "safetensors".
OpenedModel open_weights(const std::string& path, bool allow_symlinks = false, unsigned threads = 0);

// By content. Errors: those of model, container and codec; unsupported for safetensors, which hold no graph.
OpenedModel open_model(const std::string& path, bool allow_symlinks = false, unsigned threads = 0);

}  // namespace tt::pipeline
