#include "runtime/damage.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/parallel.h"
#include "runtime/batches.h"
#include "runtime/class_labels.h"
#include "runtime/output_error.h"
#include "runtime/predictions.h"
#include "runtime/sample_blocks.h"

namespace tt::runtime {
namespace {

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

// Damage of one candidate, batch after batch.
class DamageSum {
 public:
  DamageSum(const TaskChoice& task, const NamedArrays& outputs)
      : task_(task), measure_(measure_name(task.task)) {
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

// Whole groups of the samples that may be kept.
std::uint64_t kept_samples(const Session& original, const Samples& samples, std::uint64_t count) {
  const std::uint64_t fixed = fixed_batch(original.inputs(), samples.read(0, 1));
  const Batches probe(original, samples, 0, fixed, kRunBytes, 1);
  const std::uint64_t group = probe.first_samples();
  const std::uint64_t each = (bytes_of(probe.first_inputs()) + bytes_of(probe.first_outputs())) / group;
  const std::uint64_t kept =
      std::min(count, std::max<std::uint64_t>(1, kKeptBytes / std::max<std::uint64_t>(1, each)));
  return std::max(kept / group, std::uint64_t{1}) * group;
}

}  // namespace

struct DamageMeter::State {
  State(const model::Model& model, const Session& original, const Samples& samples, std::uint64_t wished,
        DamageOptions how)
      : options(std::move(how)),
        task(choose_task(model, {original.inputs(), original.outputs()}, nullptr, options.task, false)),
        count(kept_samples(original, samples, wished)),
        batches(original, samples, 0, count, kRunBytes, kRunSamples) {
    for (std::uint64_t batch = 0; batch < batches.count(); ++batch) inputs.push_back(batches.inputs(batch));
    originals = outputs_of(original);
  }

  std::vector<NamedArrays> outputs_of(const Session& session) const {
    std::vector<NamedArrays> outputs(inputs.size());
    base::parallel_for(inputs.size(), options.threads, [&](std::size_t batch) {
      outputs[batch] = batches.run(session, inputs[batch], batch);
    });
    return outputs;
  }

  DamageOptions options;
  TaskChoice task;
  std::uint64_t count;
  Batches batches;
  std::vector<NamedArrays> inputs, originals;
};

DamageMeter::DamageMeter(const model::Model& model, const Session& original, const Samples& samples,
                         std::uint64_t count, DamageOptions options)
    : state_(std::make_unique<State>(model, original, samples, count, std::move(options))) {}
DamageMeter::~DamageMeter() = default;
DamageMeter::DamageMeter(DamageMeter&&) noexcept = default;

std::uint64_t DamageMeter::samples() const {
  return state_->count;
}

std::string DamageMeter::measure() const {
  return measure_name(state_->task.task);
}

std::optional<double> DamageMeter::of(const Session& candidate) const {
  const std::vector<NamedArrays> outputs = state_->outputs_of(candidate);
  DamageSum damage(state_->task, state_->originals[0]);
  for (std::size_t i = 0; i < outputs.size(); ++i)
    damage.add(state_->originals[i], outputs[i], state_->inputs[i], state_->options.mask_input);
  const double value = damage.value();
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

}  // namespace tt::runtime
