// Judges compressed models against one original on the same samples: what `verify` prints, and what limits of
// `compress` are held against.
//
// Labels: classes for classification, lm and where predictions are asked for; values to be met for
// regression. A language model without labels is judged by the next token of its integer input [N, T], T - 1
// rows a sample (runtime/class_labels.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "runtime/labels.h"
#include "runtime/output_error.h"
#include "runtime/predictions.h"
#include "runtime/samples.h"
#include "runtime/session.h"
#include "runtime/task.h"

namespace tt::runtime {

struct JudgeOptions {
  TaskChoice task;
  bool predictions = false;        // compare rows as distributions, whatever the task (a limit on them was
                                   // given); classification and lm do so anyway
  const Labels* labels = nullptr;  // checked against the samples by the constructor
  // Where this input is 0 nothing counts, in every output that has the input's axes as its first ones; for a
  // language model without labels it is no next token, either.
  std::string mask_input;
  std::uint64_t first = 0, count = UINT64_MAX;  // the samples that are used
  double confidence = 0;                        // percent, as PredictionOptions
  std::uint64_t seed = 0;
  std::uint64_t batch_bytes = 8 << 20;    // inputs and outputs of one run, by the size of the first sample's
  std::uint64_t cache_bytes = 256 << 20;  // outputs of the original that are kept for the next candidate
};

struct Judgement {
  std::uint64_t samples = 0;
  std::vector<OutputMetrics> outputs;  // floating-point outputs, in the model's order
  std::optional<PredictionMetrics> predictions;
  std::optional<double> label_error_original, label_error_candidate;  // regression: mean squared error
  bool finite = true;              // false: NaN or infinity in the candidate's outputs
  std::vector<std::string> notes;  // integer outputs that differ: "output 'n': 12 of 300 integers differ"
};

class Judge {
 public:
  // `original`, `samples` and the labels must outlive the judge. Runs the original on the first samples.
  // Errors: bad_data: no samples, labels of another number or kind, a class that the model lacks, a mask that
  // is no input or does not go with the outputs; usage: no such output, labels that the task does not use; as
  // Samples::read and Session::run.
  Judge(const Session& original, const Samples& samples, const JudgeOptions& options);
  ~Judge();

  // Runs both on all samples, the original only where its outputs are not kept. Thread-safe. Errors:
  // bad_data: outputs of another name, type or shape; outputs of the original that are not finite; as
  // Session::run.
  Judgement judge(const Session& candidate, base::Progress& progress) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tt::runtime
