// Judges compressed models against one original on the same samples: what `verify` prints, and what limits of
// `compress` are held against.
#pragma once

#include <cstdint>
#include <functional>
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
  bool predictions = false;        // compare distributions, whatever the task (a limit on them was given)
  const Labels* labels = nullptr;  // checked against the samples by the constructor
  std::string mask_input;          // rows of the output where this input is 0 do not count
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
  // `original` and `samples` must outlive the judge. Errors: bad_data: no samples, labels of another number
  // or kind, a mask that is no input or has another shape than the rows; usage: no such output.
  Judge(const Session& original, const Samples& samples, const JudgeOptions& options);
  ~Judge();

  // Runs both on all samples. Errors: bad_data: outputs of another name, type or shape; outputs of the
  // original that are not finite; as Session::run.
  Judgement judge(const Session& candidate, base::Progress& progress) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tt::runtime
