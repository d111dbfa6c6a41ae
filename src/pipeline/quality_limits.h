// Limits on quality for `compress`, and the check of one set of encoded weights against them.
//
// With samples the compressed model runs as it will be decoded. Judged are the outputs of every layer (after
// its bias) and of the model, with the errors of the layers before it: a limit on every layer is one on what
// leaves the model, too.
//   max_error    largest relative_error ||y - y^||_F / ||y||_F of an output, over all samples
//   min_quality  smallest mean cosine between the rows of y and y^
//   max_kl       mean KL(original || compressed) in nats
//   max_drop     accuracy of the original less that of the compressed model, in percentage points
// Without samples only max_error is possible: the relative error of every weight itself.
// Samples: `eval`, all of them; else the last quarter of `calib`, which calibration does not see; else what
// the calibration file `calib` held out.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "container/container.h"
#include "model/model.h"
#include "runtime/array.h"
#include "runtime/input_mapping.h"

namespace tt::pipeline {

struct QualityLimits {
  std::optional<double> max_error, min_quality, max_kl, max_drop;
  std::string calib, eval, labels;  // paths; labels of all samples of the file
  runtime::InputMappings inputs;
  std::string mask_input, task;  // as those of verify; task empty = chosen

  bool any() const { return max_error || min_quality || max_kl || max_drop; }
  bool has_samples() const { return !calib.empty() || !eval.empty(); }
};

// Errors: usage: a limit without its samples or labels, samples or labels without a limit.
void check_limit_options(const QualityLimits& limits);

struct KeptLimit {
  std::string name;  // "max_error", ...
  double limit = 0, value = 0;
  bool kept = false;
  std::string where;  // the output or weight with this value; empty for figures of the whole model
};
struct Quality {
  std::vector<KeptLimit> limits;
  std::string measured_on;    // "held-out samples", "evaluation samples", "weights"
  std::uint64_t samples = 0;  // 0 for weights

  bool kept() const;
};
// "max_error 0.012 of output 'y' (limit 0.01)", all that are not kept, or all.
std::string quality_text(const Quality& quality, bool only_missed);

// max_error of the weights themselves: the worst of them.
Quality weight_quality(double max_error, const std::vector<const container::EncodedWeight*>& weights);

class QualityCheck {
 public:
  // Opens and checks the samples and runs the original on the first of them. The weights to measure are those
  // of `model`, which gives the same values as `original` (folded) or is it; both must outlive the check.
  // Errors: usage; not_found; bad_data: samples or labels that do not fit the model or each other, fewer than
  // kMinHeldOut; those of runtime.
  // `held_out` (may be null): the samples, where `calib` is a calibration and `eval` is empty; it must
  // outlive the check.
  QualityCheck(const model::Model& original, const model::Model& model, const QualityLimits& limits,
               const runtime::NamedArrays* held_out, unsigned threads);
  ~QualityCheck();
  QualityCheck(QualityCheck&&) noexcept;

  // Errors: as Judge::judge; bad_data if a figure that is limited cannot be had.
  Quality measure(const std::vector<const container::EncodedWeight*>& weights,
                  base::Progress& progress) const;
  // Uses of weights whose outputs cannot be seen (inside If, Loop, Scan, functions); the outputs of the model
  // stand for them.
  std::uint64_t unseen_layers() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

inline constexpr std::uint64_t kMinHeldOut = 4;  // samples of `calib`, so that a quarter is one

}  // namespace tt::pipeline
