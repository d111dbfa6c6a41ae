// Use case: is a compressed model as good as the original, on the user's data?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "pipeline/layer_quality.h"
#include "runtime/input_mapping.h"
#include "runtime/judge.h"
#include "runtime/latency.h"

namespace tt::pipeline {

struct VerifyOptions {
  std::string original, candidate;  // candidate empty: the integrity of one file
  std::string data, labels;         // paths
  runtime::InputMappings inputs;
  std::string mask_input;
  std::string task;                                                              // empty = chosen
  std::optional<double> max_drop, max_kl, max_error, max_abs_error, min_cosine;  // gates
  double confidence = 0;  // percent: gates compare this upper bound; 0 = the point estimate
  std::string eval_cmd;   // split as a shell would, run without one
  bool eval_goal_max = true;
  std::optional<double> max_eval_drop;
  double eval_timeout = 600;         // seconds a run
  std::string baseline;              // the JSON report of an earlier run
  double baseline_tolerance = 1e-6;  // relative: how much worse a figure may be than there
  bool latency = true;
  bool macs = true;        // count multiply-adds; never with `isolate`
  bool per_layer = false;  // compare the outputs of layers too
  bool isolate = false;
  bool allow_symlinks = false;
  std::uint64_t seed = 0;
  std::uint64_t max_memory = 0;
  unsigned threads = 0;
};

struct Gate {
  std::string name;  // "max_drop", ..., "baseline kl_mean", ...
  double limit = 0, value = 0;
  bool passed = false;
  std::string why;  // in words, for a failure
};

struct EvalResult {
  double original = 0, candidate = 0, drop = 0;
};

struct VerifyReport {
  bool passed = false;              // every gate, and the candidate's outputs are finite
  std::string original, candidate;  // paths
  std::uint64_t bytes_original = 0, bytes_candidate = 0;
  std::string task, task_reason;  // empty without samples
  double confidence = 95;         // percent, of the intervals
  std::vector<Gate> gates;
  runtime::Judgement judgement;
  std::optional<runtime::Latency> latency_original, latency_candidate;
  std::optional<std::uint64_t> macs_original, macs_candidate;  // of one sample
  std::optional<LayerQualities> layers;
  std::optional<EvalResult> eval;
  double seconds = 0;
  std::uint64_t peak_rss_bytes = 0;
  std::vector<std::string> warnings;
};

// Every gate that is asked for has a row; one whose value cannot be had is an error, never a pass. Without
// `data`, only the command judges. Errors: usage (a gate without its data), bad_data (inputs or outputs that
// differ, samples, labels or a baseline that do not fit), those of model, container, runtime and
// pipeline/eval_command.h.
VerifyReport verify(const VerifyOptions& options, base::Progress& progress);

// Integrity alone: every hash and checksum of a .tt is checked and every weight decoded; an exact .tt also
// has to restore the files that compress read (in TMPDIR, gone afterwards); a model file is walked. Errors:
// corrupt, bad_data.
struct IntegrityReport {
  std::string path, kind;
  std::uint64_t bytes = 0, weights = 0, checked_bytes = 0;
  bool exact = false;
  double seconds = 0;
};
IntegrityReport check_integrity(const std::string& path, bool allow_symlinks, unsigned threads,
                                base::Progress& progress);

// Does a rollback file belong to a compressed one (pipeline/rollback_pair.h)? Both are checked as
// check_integrity() does, so that the rollback file was really restored. Errors: corrupt; bad_data for what
// is no .tt file.
struct PairedSource {
  std::string location;  // empty: the model file
  std::uint64_t bytes = 0;
  std::string sha256;
};
struct PairReport {
  std::string path, rollback;
  std::uint64_t bytes = 0, bytes_rollback = 0, weights = 0;
  std::uint64_t edits = 0;            // of the compressed file since it was made
  std::vector<PairedSource> sources;  // that the compressed file was made from
  std::string failure;                // why it does not belong, or empty
  double seconds = 0;
};
PairReport check_pair(const std::string& path, const std::string& rollback, unsigned threads,
                      base::Progress& progress);

}  // namespace tt::pipeline
