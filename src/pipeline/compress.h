// Use case: a model file in, a .tt file out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "model/fold.h"
#include "pipeline/effort.h"
#include "pipeline/plan_choice.h"
#include "pipeline/quality_limits.h"
#include "pipeline/report.h"

namespace tt::pipeline {

struct TensorSpec {
  std::string pattern;
  std::string spec;  // a SPEC of codec/encoding.h, or "skip"
};

// One of the models that the input is the mean of (pipeline/merge.h).
struct MergedParent {
  std::string sha256;  // of the .tt file, or of the model (runtime::model_hash)
  double share = 0;
};

struct CompressOptions {
  std::string input, output;                  // paths; "-" for the standard streams
  std::optional<double> target_ratio;         // of the input's bytes; never exceeded
  std::optional<std::uint64_t> target_bytes;  // the smaller of both goals holds
  QualityLimits limits;                       // all of them hold
  bool lossless = false;                      // restores the input file(s) byte for byte
  std::string rollback;                       // also write a lossless .tt here
  std::string method = "auto";                // auto, svd, tt
  std::string runtime = "any";    // quantized: only what runs so (model/quantised.h), where it can
  std::string svd = "truncated";  // of low rank: full, truncated, randomized
  std::optional<std::uint64_t> max_rank;
  std::optional<double> epsilon;    // a wish under svd and tt: no rank beyond it is used
  std::vector<TensorSpec> tensors;  // the last one that matches a weight counts
  std::vector<std::string> include, exclude, preserve;
  std::uint64_t min_size = 0;  // elements; smaller weights stay exact
  std::uint64_t seed = 0;
  Effort effort = Effort::normal;
  unsigned threads = 0;           // 0 = all
  bool dry_run = false;           // everything but the output
  std::string plan_out, plan_in;  // the plan as JSON
  bool fold = true;               // model/fold.h first; --lossless and the rollback file never
  bool generate = true;           // without calib: pipeline/generated_calibration.h
  std::uint64_t max_memory = 0;   // of the child process for that; 0 is no limit
  bool allow_symlinks = false;
  bool fail_on_nan = false;
  std::vector<MergedParent> merged;  // recorded in the manifest
};

struct CompressReport {
  std::string input, output;
  std::uint64_t bytes_in = 0, bytes_out = 0;
  std::string input_sha256, output_sha256;  // of the model file; of the .tt file (empty for a dry run)
  double ratio = 0;
  std::uint64_t budget_bytes = 0;  // 0 = no size goal
  std::optional<Quality> quality;  // with limits: what the file was measured to keep
  bool calibrated = false;
  std::uint64_t generated_samples = 0;  // that stood for a calibration
  std::string why_not_generated;        // empty if they did, or were not asked for
  std::optional<PlanChoice> choice;     // with calibration (generated too) and a size goal
  std::uint64_t seed = 0;
  double seconds = 0;
  std::uint64_t peak_rss_bytes = 0;
  Stats stats;
  model::FoldReport folded;
  std::vector<WeightReport> weights;  // of the folded model
  std::vector<std::string> warnings;
};

// Errors: those of model, codec, container, runtime; goal_unreachable with the smallest possible size or the
// quality that was reached; usage for impossible options.
CompressReport compress(const CompressOptions& options, base::Progress& progress);
// A model that is open already; options.input is not read.
CompressReport compress(const CompressOptions& options, const model::Model& model, base::Progress& progress);

}  // namespace tt::pipeline
