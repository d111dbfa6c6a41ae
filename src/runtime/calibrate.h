// Runs a model on samples and sums what its layers see.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/child.h"
#include "base/progress.h"
#include "model/model.h"
#include "runtime/calibration.h"
#include "runtime/samples.h"
#include "runtime/task.h"

namespace tt::runtime {

struct CalibrateOptions {
  unsigned threads = 1;           // no bit of the result depends on it
  std::uint64_t seed = 0;         // of the rows that are chosen, and of the noise of sensitivities
  std::string mask_input;         // positions where this input is 0 do not count
  std::uint64_t max_samples = 0;  // the first ones; 0 is all
  bool spare_last_quarter = false;  // of these: something else is measured on it
  bool hold_out = true;           // keep the last quarter of every block out, and a few of these samples
  bool sensitivities = true;
  std::uint64_t max_probe_samples = kMaxProbeSamples;  // that sensitivities are measured on
  bool generated = false;                              // CalibrationInfo::generated
  std::optional<Task> task;       // for the measure of sensitivities, else chosen (runtime/task.h)
  std::optional<base::ChildLimits> isolate;
  // Asked after every block and every weight; if true, `checkpoint` gets what can go on later (info.part).
  std::function<bool()> checkpoint_due;
  std::function<void(const CalibrationSums&)> checkpoint;
};

class Calibrator {
 public:
  // Opens the model with its layers' inputs as outputs. Errors: as Session::open; bad_data for layers whose
  // attributes contradict their weights; usage for a mask that is no input.
  Calibrator(const model::Model& model, const CalibrateOptions& options);
  ~Calibrator();

  const std::vector<ValueInfo>& inputs() const;  // of the model, for Samples::open
  // `resume`: what a checkpoint was given. Errors: bad_data: no samples, another shape or type than the model's, a
  // layer input that is not finite (named), a checkpoint of other samples or options; as Samples::read, Session.
  CalibrationSums run(const Samples& samples, std::optional<CalibrationSums> resume, base::Progress& progress);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tt::runtime
