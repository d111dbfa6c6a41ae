#include "runtime/judge.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>

#include "base/cancel.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/batches.h"
#include "runtime/class_labels.h"
#include "runtime/statistics.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;
using Flags = std::vector<std::uint8_t>;

std::uint64_t count_of(const Samples& samples, const JudgeOptions& options) {
  if (options.first >= samples.size())
    throw Error(ErrorKind::bad_data, "there are no samples to compare the models on",
                "there are " + std::to_string(samples.size()) + " in all");
  return std::min(options.count, samples.size() - options.first);
}

bool wants_predictions(const JudgeOptions& options) {
  return options.predictions || options.task.task == Task::classification || options.task.task == Task::lm;
}

const Array& output_of(const NamedArrays& outputs, const std::string& name, const std::string& model) {
  const Array* array = find_array(outputs, name);
  if (array == nullptr)
    throw Error(ErrorKind::bad_data, "the " + model + " has no output " + base::quoted(name));
  return *array;
}

// Mean squared difference of outputs and labels.
struct LabelError {
  ExactSum squares;
  std::uint64_t values = 0;

  void add(const Array& output, const Labels& labels, std::uint64_t begin, std::uint64_t samples) {
    const std::vector<double> given = to_doubles(output);
    std::size_t i = 0;
    for (std::uint64_t sample = begin; sample < begin + samples; ++sample)
      for (const double label : labels.values(sample)) {
        const double error = given[i++] - label;
        squares.add(error * error);
      }
    values += given.size();
  }
  double mean() const {
    const double sum = squares.value();
    return std::isfinite(sum) ? sum / static_cast<double>(values) : std::numeric_limits<double>::quiet_NaN();
  }
};

// Integers are compared one by one.
struct IntegerCount {
  std::uint64_t values = 0, different = 0;

  void add(const Array& original, const Array& candidate, const Flags& keep) {
    const std::uint64_t size = element_size(original.type), count = original.data.size() / size;
    const std::uint64_t width = keep.empty() ? 1 : count / keep.size();
    for (std::uint64_t i = 0; i < count; ++i) {
      if (!keep.empty() && keep[i / width] == 0) continue;
      const std::uint64_t at = i * size;
      ++values;
      different += !std::equal(original.data.begin() + static_cast<std::ptrdiff_t>(at),
                               original.data.begin() + static_cast<std::ptrdiff_t>(at + size),
                               candidate.data.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }
};

}  // namespace

struct Judge::State {
  State(const Session& session, const Samples& samples, const JudgeOptions& wished)
      : original(session),
        options(wished),
        batches(session, samples, wished.first, count_of(samples, wished), wished.batch_bytes) {}

  const Session& original;
  JudgeOptions options;
  Batches batches;
  bool labelled_classes = false, labelled_values = false;  // what the labels are compared with
  std::string tokens;                                      // input whose next token is the label
  std::mutex mutex;
  std::map<std::uint64_t, std::shared_ptr<const NamedArrays>> cache;
  std::uint64_t cached_bytes = 0;

  void check_output() const;
  void check_labels(std::uint64_t all_samples);
  void check_class_labels() const;
  void check_mask() const;
  std::shared_ptr<const NamedArrays> original_outputs(const NamedArrays& inputs, std::uint64_t batch);
  Flags mask_for(const NamedArrays& inputs, const tensor::Shape& output) const;
  std::vector<std::int64_t> labels_for(const NamedArrays& inputs, const Array& output,
                                       std::uint64_t first) const;
};

void Judge::State::check_output() const {
  const std::string& name = options.task.output;
  if (!wants_predictions(options) && !labelled_values) return;
  const Array* array = find_array(batches.first_outputs(), name);
  if (array == nullptr || !is_float(array->type))
    throw Error(ErrorKind::usage,
                "the model has no floating-point output " + base::quoted(name) + " to take predictions from");
}

void Judge::State::check_labels(std::uint64_t all_samples) {
  if (options.labels == nullptr) return;
  const Task task = options.task.task;
  labelled_classes = wants_predictions(options);
  labelled_values = task == Task::regression && !labelled_classes;
  if (!labelled_classes && !labelled_values)
    throw Error(ErrorKind::usage, "labels are of no use for the task " + std::string(task_name(task)),
                "leave them out, or name the task with --task classification, lm or regression");
  if (options.labels->size() != all_samples)
    throw Error(ErrorKind::bad_data, "there are labels for " + std::to_string(options.labels->size()) +
                                         " samples and " + std::to_string(all_samples) + " samples");
  check_output();
  if (labelled_classes) return check_class_labels();
  const Array& output = *find_array(batches.first_outputs(), options.task.output);
  const std::uint64_t values = tensor::element_count(output.shape) / output.shape[0];
  if (values != options.labels->per_sample())
    throw Error(ErrorKind::bad_data, "the labels are " + std::to_string(options.labels->per_sample()) +
                                         " values a sample, output " + base::quoted(options.task.output) +
                                         " has " + std::to_string(values));
}

void Judge::State::check_class_labels() const {
  const Rows rows = rows_of(find_array(batches.first_outputs(), options.task.output)->shape);
  class_labels(*options.labels, batches.begin(), batches.samples(), rows);
}

void Judge::State::check_mask() const {
  if (options.mask_input.empty()) return;
  const Array* mask = find_array(batches.first_inputs(), options.mask_input);
  if (mask == nullptr)
    throw Error(ErrorKind::bad_data,
                "the mask " + base::quoted(options.mask_input) + " is no input of the model");
  const auto matches = [&](const NamedArray& output) { return is_prefix(mask->shape, output.array.shape); };
  const NamedArrays& outputs = batches.first_outputs();
  const auto judged = std::find_if(outputs.begin(), outputs.end(), [&](const NamedArray& output) {
    return output.name == options.task.output;
  });
  const bool fits = wants_predictions(options)
                        ? mask->shape.size() < judged->array.shape.size() && matches(*judged)
                        : std::any_of(outputs.begin(), outputs.end(), matches);
  if (!fits)
    throw Error(ErrorKind::bad_data,
                "the mask " + base::quoted(options.mask_input) + " is " + tensor::shape_text(mask->shape) +
                    ", which does not go with the rows of the output",
                "its axes must be the first ones of the output");
}

std::shared_ptr<const NamedArrays> Judge::State::original_outputs(const NamedArrays& inputs,
                                                                  std::uint64_t batch) {
  {
    const std::lock_guard lock(mutex);
    const auto found = cache.find(batch);
    if (found != cache.end()) return found->second;
  }
  auto outputs = std::make_shared<const NamedArrays>(batches.run(original, inputs, batch));
  std::uint64_t bytes = 0;
  for (const NamedArray& output : *outputs) bytes += output.array.data.size();
  const std::lock_guard lock(mutex);
  if (bytes <= options.cache_bytes - cached_bytes && cache.emplace(batch, outputs).second)
    cached_bytes += bytes;
  return outputs;
}

Flags Judge::State::mask_for(const NamedArrays& inputs, const tensor::Shape& output) const {
  if (options.mask_input.empty()) return {};
  const Array& mask = *find_array(inputs, options.mask_input);
  return is_prefix(mask.shape, output) ? nonzero(mask) : Flags{};
}

std::vector<std::int64_t> Judge::State::labels_for(const NamedArrays& inputs, const Array& output,
                                                   std::uint64_t first) const {
  if (labelled_classes) return class_labels(*options.labels, first, output.shape[0], rows_of(output.shape));
  if (tokens.empty()) return {};
  const Array& array = *find_array(inputs, tokens);
  const bool same =
      !options.mask_input.empty() && find_array(inputs, options.mask_input)->shape == array.shape;
  return next_tokens(array, same ? nonzero(*find_array(inputs, options.mask_input)) : Flags{});
}

namespace {

// The sums of one judgement.
class Comparison {
 public:
  Comparison(const JudgeOptions& options, const NamedArrays& outputs) {
    for (const NamedArray& output : outputs) {
      names_.push_back(output.name);
      if (is_float(output.array.type))
        errors_.emplace(output.name, OutputError(output.name));
      else
        integers_.emplace(output.name, IntegerCount{});
    }
    if (wants_predictions(options))
      predictions_.emplace(PredictionOptions{options.task.scores, options.task.task == Task::lm,
                                             options.confidence, options.seed});
  }

  void add_output(const NamedArray& original, const Array& candidate, const Flags& keep) {
    const auto error = errors_.find(original.name);
    if (error != errors_.end())
      error->second.add(original.array, candidate, keep);
    else
      integers_.at(original.name).add(original.array, candidate, keep);
  }
  void add_predictions(const Array& original, const Array& candidate, std::span<const std::int64_t> labels,
                       const Flags& keep) {
    if (predictions_) predictions_->add(original, candidate, labels, keep);
  }
  void add_values(const Array& original, const Array& candidate, const Labels& labels, std::uint64_t begin) {
    original_error_.add(original, labels, begin, original.shape[0]);
    candidate_error_.add(candidate, labels, begin, original.shape[0]);
  }

  Judgement result() const {
    Judgement judgement;
    for (const std::string& name : names_) {
      const auto error = errors_.find(name);
      if (error != errors_.end()) {
        judgement.outputs.push_back(error->second.result());
        judgement.finite = judgement.finite && judgement.outputs.back().non_finite == 0;
        continue;
      }
      const IntegerCount& count = integers_.at(name);
      if (count.different > 0)
        judgement.notes.push_back("output " + base::quoted(name) + ": " + std::to_string(count.different) +
                                  " of " + std::to_string(count.values) + " integers differ");
    }
    if (predictions_) judgement.predictions = predictions_->result();
    if (original_error_.values > 0) {
      judgement.label_error_original = original_error_.mean();
      judgement.label_error_candidate = candidate_error_.mean();
    }
    return judgement;
  }

 private:
  std::vector<std::string> names_;
  std::map<std::string, OutputError> errors_;
  std::map<std::string, IntegerCount> integers_;
  std::optional<Predictions> predictions_;
  LabelError original_error_, candidate_error_;
};

const Array& matching(const NamedArray& original, const NamedArrays& candidate) {
  const Array& array = output_of(candidate, original.name, "candidate");
  const std::string what = "output " + base::quoted(original.name);
  if (array.type != original.array.type)
    throw Error(ErrorKind::bad_data,
                what + " of the candidate is of type " + std::string(element_name(array.type)) +
                    ", that of the original of " + std::string(element_name(original.array.type)));
  require_same_shape(original.array, array, what);
  return array;
}

}  // namespace

Judge::Judge(const Session& original, const Samples& samples, const JudgeOptions& options)
    : state_(std::make_unique<State>(original, samples, options)) {
  state_->check_output();
  state_->check_labels(samples.size());
  state_->check_mask();
  if (options.task.task == Task::lm && options.labels == nullptr)
    state_->tokens =
        token_input(state_->batches.first_inputs(),
                    output_of(state_->batches.first_outputs(), options.task.output, "original").shape,
                    options.mask_input);
}
Judge::~Judge() = default;

Judgement Judge::judge(const Session& candidate, base::Progress& progress) const {
  State& state = *state_;
  const Batches& batches = state.batches;
  Comparison comparison(state.options, batches.first_outputs());
  progress.start("comparing", batches.count(), 0);
  std::uint64_t first = batches.begin();
  for (std::uint64_t batch = 0; batch < batches.count(); ++batch) {
    base::check_cancelled();
    const NamedArrays inputs = batches.inputs(batch);
    const auto originals = state.original_outputs(inputs, batch);
    const NamedArrays candidates = batches.run(candidate, inputs, batch);
    for (const NamedArray& original : *originals) {
      const Array& other = matching(original, candidates);
      const Flags keep = state.mask_for(inputs, original.array.shape);
      comparison.add_output(original, other, keep);
      if (original.name != state.options.task.output) continue;
      if (wants_predictions(state.options))
        comparison.add_predictions(original.array, other, state.labels_for(inputs, original.array, first),
                                   keep);
      if (state.labelled_values) comparison.add_values(original.array, other, *state.options.labels, first);
    }
    first += batches.samples_of(batch);
    progress.step(0);
  }
  progress.done();
  Judgement judgement = comparison.result();
  judgement.samples = batches.samples();
  return judgement;
}

}  // namespace tt::runtime
