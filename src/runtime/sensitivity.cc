#include "runtime/sensitivity.h"

#include <algorithm>
#include <cmath>

#include "base/cancel.h"
#include "base/error.h"
#include "base/parallel.h"
#include "runtime/batches.h"
#include "runtime/class_labels.h"
#include "runtime/distortion.h"
#include "runtime/output_error.h"
#include "runtime/predictions.h"
#include "runtime/sample_blocks.h"
#include "runtime/tapped_session.h"
#include "tensor/random.h"

namespace tt::runtime {
namespace {

constexpr double kRelative = 0.1;
constexpr std::uint64_t kRunSamples = 16, kRunBytes = 8 << 20, kKeptBytes = 192 << 20;

std::uint64_t bytes_of(const NamedArrays& arrays) {
  std::uint64_t bytes = 1;
  for (const NamedArray& entry : arrays) bytes += entry.array.data.size();
  return bytes;
}

std::string measure_name(Task task) {
  if (task == Task::classification || task == Task::lm) return "kl";
  return task == Task::embedding ? "cosine" : "relative";
}

// Weights outside of the protobuf save the runtime one copy of them.
model::Skeleton lean_skeleton(const model::Model& model) {
  return model.files().size() == 1 ? model.external_skeleton("weights") : model.inline_skeleton();
}

// Damage of one candidate, batch after batch.
class Damage {
 public:
  Damage(const TaskChoice& task, const NamedArrays& outputs) : task_(task), measure_(measure_name(task.task)) {
    if (measure_ == "kl") {
      predictions_.emplace(PredictionOptions{task.scores, false, 0, 0});
      return;
    }
    for (const NamedArray& output : outputs)
      if (is_float(output.array.type) && (measure_ == "relative" || output.name == task.output))
        errors_.emplace_back(output.name, OutputError(output.name));
  }

  void add(const NamedArrays& original, const NamedArrays& candidate, const NamedArrays& inputs,
           const std::string& mask) {
    if (predictions_) {
      const Array& array = *find_array(original, task_.output);
      predictions_->add(array, *find_array(candidate, task_.output), {}, flags(inputs, mask, array.shape));
    }
    for (auto& [name, error] : errors_) {
      const Array& array = *find_array(original, name);
      error.add(array, *find_array(candidate, name), flags(inputs, mask, array.shape));
    }
  }

  double value() const {
    if (predictions_) return std::max(0.0, predictions_->result().kl.mean);
    double sum = 0;
    for (const auto& [name, error] : errors_) {
      const OutputMetrics metrics = error.result();
      sum += measure_ == "cosine" ? 1 - metrics.cosine_mean : metrics.relative_error * metrics.relative_error;
    }
    return errors_.empty() ? 0 : std::max(0.0, sum / static_cast<double>(errors_.size()));
  }

 private:
  static std::vector<std::uint8_t> flags(const NamedArrays& inputs, const std::string& mask,
                                         const tensor::Shape& output) {
    if (mask.empty()) return {};
    const Array& array = *find_array(inputs, mask);
    return is_prefix(array.shape, output) ? nonzero(array) : std::vector<std::uint8_t>{};
  }

  const TaskChoice& task_;
  std::string measure_;
  std::optional<Predictions> predictions_;
  std::vector<std::pair<std::string, OutputError>> errors_;
};

class Prober {
 public:
  Prober(const model::Model& model, const Samples& samples, std::uint64_t available,
         const CalibrateOptions& options)
      : model_(model), options_(options), skeleton_(lean_skeleton(model)) {
    session_options_.threads = 1;
    session_options_.isolate = options.isolate;
    const Session original = Session::open(image_with(model, skeleton_), session_options_);
    task_ = choose_task(model, {original.inputs(), original.outputs()}, nullptr, options.task, false);
    const Batches probe(original, samples, 0, fixed_count(original, samples), kRunBytes, 1);
    const std::uint64_t group = probe.first_samples();
    const std::uint64_t each = (bytes_of(probe.first_inputs()) + bytes_of(probe.first_outputs())) / group;
    count_ = std::min({available, kMaxProbeSamples, std::max<std::uint64_t>(1, kKeptBytes / each)});
    count_ = std::max(count_ / group, std::uint64_t{1}) * group;
    batches_.emplace(original, samples, 0, count_, kRunBytes, kRunSamples);
    for (std::uint64_t batch = 0; batch < batches_->count(); ++batch) inputs_.push_back(batches_->inputs(batch));
    originals_ = outputs_of(original);
  }

  std::uint64_t samples() const { return count_; }
  std::string measure() const { return measure_name(task_.task); }

  // Negative if the outputs are not finite.
  double damage_of(std::size_t weight, base::Bytes payload) const {
    ModelImage image = image_with(model_, skeleton_, std::pair(weight, std::move(payload)));
    const Session session = Session::open(std::move(image), session_options_);
    const std::vector<NamedArrays> outputs = outputs_of(session);
    Damage damage(task_, originals_[0]);
    for (std::size_t i = 0; i < outputs.size(); ++i)
      damage.add(originals_[i], outputs[i], inputs_[i], options_.mask_input);
    const double value = damage.value();
    return std::isfinite(value) ? value : -1;
  }

 private:
  static std::uint64_t fixed_count(const Session& session, const Samples& samples) {
    return fixed_batch(session.inputs(), samples.read(0, 1));
  }

  std::vector<NamedArrays> outputs_of(const Session& session) const {
    std::vector<NamedArrays> outputs(inputs_.size());
    base::parallel_for(inputs_.size(), options_.threads, [&](std::size_t batch) {
      outputs[batch] = batches_->run(session, inputs_[batch], batch);
    });
    return outputs;
  }

  const model::Model& model_;
  const CalibrateOptions& options_;
  model::Skeleton skeleton_;
  SessionOptions session_options_;
  TaskChoice task_;
  std::uint64_t count_ = 0;
  std::optional<Batches> batches_;
  std::vector<NamedArrays> inputs_, originals_;
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
          distort(model.read(weights[i]), metric, kRelative, tensor::random_bits(options.seed, i));
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
