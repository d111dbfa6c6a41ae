// Use case: a .tt file in, the model out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/progress.h"
#include "pipeline/factored_form.h"
#include "pipeline/quantised_form.h"
#include "pipeline/report.h"

namespace tt::pipeline {

struct DecompressOptions {
  std::string input, output;       // paths; "-" for the standard streams
  std::string form = "dense";      // or factored, quantized
  std::string dtype = "original";  // original, f32, f16: of the safetensors that --layers writes
  std::string layers;              // PATTERN: only these weights, as safetensors; empty = the whole model
  unsigned threads = 0;
  bool external = false;   // weights of the ONNX file in an external data file beside it
  bool overwrite = false;  // external data files that exist already may be replaced
};

struct DecompressReport {
  std::string input, output;
  std::uint64_t bytes_in = 0, bytes_out = 0;  // all output files together
  std::vector<std::string> files;             // paths written
  bool exact = false;                         // the input of compress, byte for byte (checked by hash)
  std::string output_sha256;                  // of the model file
  std::string form = "dense";
  FactoredReport factored;    // of form factored
  QuantisedReport quantised;  // of form quantized
  double seconds = 0;
  std::uint64_t peak_rss_bytes = 0;
};

// Weights stream from file to file: memory does not grow with the model. Errors: those of container and
// codec; usage for forms factored and quantized of a safetensors file; corrupt if an exact file does not have
// the hash of the original; cannot_create if an external data file exists with other content.
DecompressReport decompress(const DecompressOptions& options, base::Progress& progress);

}  // namespace tt::pipeline
