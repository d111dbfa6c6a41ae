#include "runtime/sensitivity.h"

#include <algorithm>

#include "base/cancel.h"
#include "runtime/damage.h"
#include "runtime/distortion.h"
#include "runtime/tapped_session.h"
#include "tensor/random.h"

namespace tt::runtime {
namespace {

// Weights outside of the protobuf save the runtime one copy of them.
model::Skeleton lean_skeleton(const model::Model& model) {
  return model.files().size() == 1 ? model.external_skeleton("weights") : model.inline_skeleton();
}

// The model with one weight replaced.
class Prober {
 public:
  Prober(const model::Model& model, const Samples& samples, std::uint64_t available,
         const CalibrateOptions& options)
      : model_(model), skeleton_(lean_skeleton(model)), session_{1, options.isolate} {
    const Session original = Session::open(image_with(model, skeleton_), session_);
    meter_.emplace(model, original, samples, std::min(available, options.max_probe_samples),
                   DamageOptions{options.threads, options.mask_input, options.task});
  }

  std::uint64_t samples() const { return meter_->samples(); }
  std::string measure() const { return meter_->measure(); }

  // Negative if the outputs are not finite.
  double damage_of(std::size_t weight, base::Bytes payload) const {
    ModelImage image = image_with(model_, skeleton_, std::pair(weight, std::move(payload)));
    return meter_->of(Session::open(std::move(image), session_)).value_or(-1);
  }

 private:
  const model::Model& model_;
  model::Skeleton skeleton_;
  SessionOptions session_;
  std::optional<DamageMeter> meter_;
};

Probe& open_probe(CalibrationSums& sums, const CalibrateOptions& options, const Prober& prober) {
  if (sums.info.probes.empty())
    sums.info.probes.push_back({prober.samples(), options.seed, prober.measure(),
                                std::vector<double>(sums.info.weights.size(), -1.0),
                                std::vector<double>(sums.info.weights.size(), 0.0)});
  return sums.info.probes.back();
}

}  // namespace

void measure_sensitivities(const model::Model& model, const Samples& samples, std::uint64_t available,
                           const CalibrateOptions& options, CalibrationSums& sums, base::Progress& progress) {
  const std::vector<model::Weight>& weights = model.weights();
  const Prober prober(model, samples, available, options);
  Probe& probe = open_probe(sums, options, prober);
  progress.start("measuring", weights.size(), 0);
  for (std::uint64_t& i = sums.info.part->weight; i < weights.size();) {
    base::check_cancelled();
    if (model::is_layer_role(weights[i].role)) {
      const tensor::Metric metric =
          metric_of(sums.info, i, [&](std::size_t input) { return sums.sums[input].totals(); });
      std::optional<Distorted> distorted =
          distort(model.read(weights[i]), metric, kProbeError, tensor::random_bits(options.seed, i));
      if (distorted) {
        probe.error[i] = distorted->error;
        probe.damage[i] = prober.damage_of(i, std::move(distorted->payload));
      }
    }
    ++i;
    progress.step(0);
    if (options.checkpoint_due && options.checkpoint_due()) options.checkpoint(sums);
  }
  progress.done();
}

}  // namespace tt::runtime
