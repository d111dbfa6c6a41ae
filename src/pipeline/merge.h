// Use case: several models of one architecture in, a .tt file of their weighted mean out (federated
// averaging: McMahan et al., arXiv 1602.05629, where shares are numbers of samples).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/compress.h"

namespace tt::pipeline {

struct MergeOptions {
  std::vector<std::string> inputs;  // .tt files or models, at least two
  std::vector<double> weights;      // of the inputs, at least 0, not all 0; empty: all alike
  // What is made of the mean: `output`, goals, calibration ...; input does not count. Without a size goal the
  // largest of the inputs' sizes is one.
  CompressOptions compress;
};

struct MergedInput {
  std::string path, kind, sha256;  // kind "tt", "onnx", "safetensors"; sha256 as in MergedParent
  std::uint64_t bytes = 0;
  double share = 0;  // of the mean
};

struct MergeReport {
  std::vector<MergedInput> inputs;
  std::uint64_t averaged = 0;      // tensors that differed
  std::vector<std::string> equal;  // that were the same in all inputs
  CompressReport compressed;       // its input is the mean
};

// The manifest's options name the inputs ("merged": sha256 and share). Errors: usage (fewer than two inputs,
// weights that do not fit); those of average_of() (pipeline/average_model.h), open_weights() and compress().
MergeReport merge(const MergeOptions& options, base::Progress& progress);

}  // namespace tt::pipeline
