// How far the outputs of changed models are from those of one original, as one number.
//
// The measure goes with the task: mean KL(original || changed) in nats for logits and probabilities ("kl"),
// 1 - mean cosine of the rows for embeddings ("cosine"), otherwise the squared relative error, the mean over
// the outputs ("relative"). All are 0 for equal outputs and grow with the square of small errors.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "model/model.h"
#include "runtime/samples.h"
#include "runtime/session.h"
#include "runtime/task.h"

namespace tt::runtime {

struct DamageOptions {
  unsigned threads = 1;      // batches at a time; no bit of the result depends on it
  std::string mask_input;    // positions where this input is 0 do not count
  std::optional<Task> task;  // else chosen
};

class DamageMeter {
 public:
  // Runs `original` on the first `count` samples, fewer where their inputs and outputs take more than 192
  // MiB, and keeps both. `samples` must outlive it. Errors: bad_data: no samples, outputs that are not
  // finite; as Session::run.
  DamageMeter(const model::Model& model, const Session& original, const Samples& samples, std::uint64_t count,
              DamageOptions options);
  ~DamageMeter();
  DamageMeter(DamageMeter&&) noexcept;

  std::uint64_t samples() const;
  std::string measure() const;  // "kl", "cosine", "relative"
  // Nothing if the outputs are not finite. Errors: as Session::run.
  std::optional<double> of(const Session& candidate) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tt::runtime
