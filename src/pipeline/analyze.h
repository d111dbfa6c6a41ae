// Use case: what is in the weights of a model, and which of them are safe to compress first.
//
// The model is the one that compress would plan for: folded, its weights chosen by the same patterns, priced
// by the same curves in the same metrics, on the inputs of `calib`, on generated ones, or C = I. Every weight
// is read once and given up again before the next one of its thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/progress.h"
#include "model/fold.h"
#include "pipeline/advice.h"
#include "pipeline/quality_limits.h"
#include "pipeline/safety_order.h"
#include "pipeline/similarity.h"
#include "pipeline/weight_analysis.h"

namespace tt::pipeline {

struct AnalyzeOptions {
  std::string model;                              // ONNX, safetensors or .tt; "-" is standard input
  QualityLimits samples;                          // calib, inputs, mask_input and task alone
  std::string labels;                             // AxisLabels, empty for none
  std::vector<std::string> include, exclude;      // patterns, as of compress
  std::vector<double> errors = {0.3, 0.1, 0.03};  // each above 0 and below 1
  bool fold = true, generate = true;
  std::uint64_t seed = 0;
  std::uint64_t max_memory = 0;  // of the child process that runs the model on generated inputs
  unsigned threads = 0;
  bool allow_symlinks = false;
};

struct AnalyzeReport {
  std::string path, kind,
      sha256;               // kind: onnx, safetensors, tt; sha256 of the model file (decoded for a .tt)
  std::uint64_t bytes = 0;  // of the file, with external data
  bool calibrated = false;
  std::uint64_t generated_samples = 0;  // that stood for a calibration
  std::string why_not_generated;        // empty if they did, or were not asked for
  std::string measure;                  // of the sensitivities: "kl", "cosine", "relative"; empty without
  model::FoldReport folded;
  std::vector<WeightAnalysis> weights;  // those that were chosen, in the order of the folded model
  std::uint64_t left_out = 0;           // weights that patterns leave out
  std::vector<SimilarPair> similar;     // indices into weights, most similar first
  SafetyOrder order;                    // the same
  std::vector<Advice> advice;
  std::vector<std::string> warnings;
  double seconds = 0;
  std::uint64_t peak_rss_bytes = 0;
};

// Errors: those of model, container, codec and runtime; usage: patterns, errors out of range; bad_data: no
// weights, none that the patterns choose, labels that fit no axis, a calibration of another model.
AnalyzeReport analyze(const AnalyzeOptions& options, base::Progress& progress);

}  // namespace tt::pipeline
