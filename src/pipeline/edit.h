// Use case: surgical editing of a .tt file. A direction is taken out of chosen weights, or strengthened in
// them; all other weights keep their cores bit for bit, and the undo file brings the whole file back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "codec/encoding.h"
#include "pipeline/edit_directions.h"
#include "pipeline/edit_effect.h"

namespace tt::pipeline {

struct EditOptions {
  std::string input, output;         // paths; output "-" is standard output
  std::string direction;             // a file, or "pattern:N"; empty: by samples
  std::string positive, negative;    // samples (or .ttcal): the difference of the mean activations ...
  std::string layer;                 // ... of the one layer that this PATTERN matches
  std::vector<std::string> weights;  // PATTERNs; none: those whose side is as long as the direction
  Side side = Side::input;
  double strength = 1;                   // share of the response: (0, 1], with inject (0, 1000]
  bool inject = false;                   // add that share instead of taking it away
  std::string preserve;                  // samples (or .ttcal) on which the layers shall not change
  std::optional<double> max_collateral;  // relative error of the model's outputs on `preserve`
  runtime::InputMappings inputs;
  std::string mask_input, task;
  std::string undo_file;  // to be written; empty: none
  unsigned threads = 0;
};

struct EditedReport {
  std::string name, role;
  codec::Encoding encoding;
  std::uint64_t bytes_before = 0, bytes_after = 0, directions = 0;
  double response_before = 0, response_after = 0, change = 0;  // pipeline/edited_weight.h
  std::optional<double> output_change;
};

struct EditReport {
  std::string action;  // "project_out", "inject", "restore", "undo"
  std::string input, output, output_sha256, undo_file;
  std::uint64_t bytes_in = 0, bytes_out = 0;
  std::vector<EditedReport> weights;
  std::optional<Effect> target;      // on the positive samples
  std::optional<Effect> collateral;  // on the samples to keep
  std::string failure;               // why no file was written (the gate), or empty
  std::vector<std::string> warnings;
  double seconds = 0;
  std::uint64_t peak_rss_bytes = 0;
};

// The same encoding for every weight that changes; the manifest's options get a row in "edits"
// (docs/formats/tt.md). Errors: usage (options that do not go together, patterns that match nothing);
// bad_data (directions that fit no weight); those of model, container, codec and runtime. Where the
// collateral is above the limit or not finite, no file is written and `failure` says so.
EditReport edit(const EditOptions& options, base::Progress& progress);

struct RestoreOptions {
  std::string input, output, pattern, rollback, undo_file;  // as above; rollback: of compress --rollback
};
// The weights that the pattern matches as `rollback` stores them, bit for bit. Errors: usage (no weight);
// bad_data (a rollback file of another model, or not lossless; a weight that it lacks); unsupported where the
// graph of `input` is not that of `rollback` (folded: its weights are other ones); those of container.
EditReport restore_weights(const RestoreOptions& options);

// `input` as it was before its last edit, byte for byte. Errors: as apply_undo (pipeline/undo_file.h).
EditReport undo_edit(const std::string& input, const std::string& undo_file, const std::string& output);

}  // namespace tt::pipeline
