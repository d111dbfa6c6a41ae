#include "runtime/judge.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "base/cancel.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/batches.h"
#include "runtime/class_labels.h"
#include "runtime/comparison.h"

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

std::uint64_t bytes_of(const NamedArrays& arrays) {
  std::uint64_t bytes = 0;
  for (const NamedArray& entry : arrays) bytes += entry.array.data.size();
  return bytes;
}

}  // namespace

struct Judge::State {
  State(const Session& session, const Samples& samples, const JudgeOptions& wished)
      : original(session),
        options(wished),
        batches(session, samples, wished.first, count_of(samples, wished), wished.batch_bytes),
        predictions(wished.predictions || wished.task.task == Task::classification ||
                    wished.task.task == Task::lm) {}

  const Session& original;
  JudgeOptions options;
  Batches batches;
  bool predictions;                   // rows of the judged output are compared as distributions
  bool classes = false, met = false;  // the labels are classes, or values to be met
  std::string tokens;                 // the input whose next token is the label
  std::mutex mutex;
  std::map<std::uint64_t, std::shared_ptr<const NamedArrays>> cache;  // of the original, by batch
  std::uint64_t cached_bytes = 0;

  // What the first samples gave.
  const Array& judged() const { return *find_array(batches.first_outputs(), options.task.output); }
  void check_output() const;
  void set_label_use();
  void check_labels(std::uint64_t all_samples) const;
  void check_mask() const;
  void set_tokens();

  std::shared_ptr<const NamedArrays> original_outputs(const NamedArrays& inputs, std::uint64_t batch);
  Flags mask_for(const NamedArrays& inputs, const tensor::Shape& shape) const;
  std::vector<std::int64_t> labels_for(const NamedArrays& inputs, const Array& output,
                                       std::uint64_t first) const;
  void compare(const NamedArray& output, const NamedArrays& inputs, const NamedArrays& candidates,
               std::uint64_t first, Comparison& comparison) const;
};

void Judge::State::set_label_use() {
  if (options.labels == nullptr) return;
  const Task task = options.task.task;
  met = task == Task::regression;
  classes = predictions && !met;
  if (!met && !classes)
    throw Error(ErrorKind::usage, "labels are of no use for the task " + std::string(task_name(task)),
                "leave them out, or name the task: --task classification, lm or regression");
}

void Judge::State::check_output() const {
  if (!predictions && !met) return;
  const Array* array = find_array(batches.first_outputs(), options.task.output);
  if (array == nullptr || !is_float(array->type))
    throw Error(ErrorKind::usage, "the model has no floating-point output " +
                                      base::quoted(options.task.output) + " to take predictions from");
}

void Judge::State::check_labels(std::uint64_t all_samples) const {
  if (options.labels == nullptr) return;
  const Labels& labels = *options.labels;
  if (labels.size() != all_samples)
    throw Error(ErrorKind::bad_data, "there are " + std::to_string(all_samples) + " samples and labels for " +
                                         std::to_string(labels.size()));
  if (classes) {
    class_labels(labels, batches.begin(), batches.samples(), rows_of(judged().shape));
    return;
  }
  const std::uint64_t values = tensor::element_count(judged().shape) / judged().shape[0],
                      given = labels.values(0).size();
  if (values != given)
    throw Error(ErrorKind::bad_data, "the labels are " + std::to_string(given) + " values a sample, output " +
                                         base::quoted(options.task.output) + " has " +
                                         std::to_string(values));
}

void Judge::State::check_mask() const {
  if (options.mask_input.empty()) return;
  const std::string what = "the mask " + base::quoted(options.mask_input);
  const Array* mask = find_array(batches.first_inputs(), options.mask_input);
  if (mask == nullptr) throw Error(ErrorKind::bad_data, what + " is no input of the model");
  const NamedArrays& outputs = batches.first_outputs();
  const bool fits = predictions
                        ? mask->shape.size() < judged().shape.size() && is_prefix(mask->shape, judged().shape)
                        : std::any_of(outputs.begin(), outputs.end(), [&](const NamedArray& output) {
                            return is_prefix(mask->shape, output.array.shape);
                          });
  if (!fits)
    throw Error(
        ErrorKind::bad_data,
        what + " is " + tensor::shape_text(mask->shape) + ", which does not go with the rows of the output",
        "its axes must be the first ones of the output");
}

void Judge::State::set_tokens() {
  if (options.task.task != Task::lm || options.labels != nullptr) return;
  tokens = token_input(batches.first_inputs(), judged().shape, options.mask_input);
}

std::shared_ptr<const NamedArrays> Judge::State::original_outputs(const NamedArrays& inputs,
                                                                  std::uint64_t batch) {
  {
    const std::lock_guard lock(mutex);
    const auto found = cache.find(batch);
    if (found != cache.end()) return found->second;
  }
  auto outputs = std::make_shared<const NamedArrays>(batches.run(original, inputs, batch));
  const std::uint64_t bytes = bytes_of(*outputs);
  const std::lock_guard lock(mutex);
  if (bytes <= options.cache_bytes - cached_bytes && cache.emplace(batch, outputs).second)
    cached_bytes += bytes;
  return outputs;
}

Flags Judge::State::mask_for(const NamedArrays& inputs, const tensor::Shape& shape) const {
  if (options.mask_input.empty()) return {};
  const Array& mask = *find_array(inputs, options.mask_input);
  return is_prefix(mask.shape, shape) ? nonzero(mask) : Flags{};
}

std::vector<std::int64_t> Judge::State::labels_for(const NamedArrays& inputs, const Array& output,
                                                   std::uint64_t first) const {
  if (classes) return class_labels(*options.labels, first, output.shape[0], rows_of(output.shape));
  if (tokens.empty()) return {};
  const Array& array = *find_array(inputs, tokens);
  const bool masked =
      !options.mask_input.empty() && find_array(inputs, options.mask_input)->shape == array.shape;
  return next_tokens(array, masked ? nonzero(*find_array(inputs, options.mask_input)) : Flags{});
}

void Judge::State::compare(const NamedArray& output, const NamedArrays& inputs, const NamedArrays& candidates,
                           std::uint64_t first, Comparison& comparison) const {
  const Array& other = matching_output(output, candidates);
  const Flags keep = mask_for(inputs, output.array.shape);
  comparison.add_output(output, other, keep);
  if (output.name != options.task.output) return;
  if (predictions)
    comparison.add_predictions(output.array, other, labels_for(inputs, output.array, first), keep);
  if (met) comparison.add_values(output.array, other, *options.labels, first);
}

Judge::Judge(const Session& original, const Samples& samples, const JudgeOptions& options)
    : state_(std::make_unique<State>(original, samples, options)) {
  state_->set_label_use();
  state_->check_output();
  state_->check_labels(samples.size());
  state_->check_mask();
  state_->set_tokens();
}
Judge::~Judge() = default;

Judgement Judge::judge(const Session& candidate, base::Progress& progress) const {
  const Batches& batches = state_->batches;
  Comparison comparison(state_->options, batches.first_outputs(), state_->predictions);
  progress.start("comparing", batches.count(), 0);
  std::uint64_t first = batches.begin();
  for (std::uint64_t batch = 0; batch < batches.count(); ++batch) {
    base::check_cancelled();
    const NamedArrays inputs = batches.inputs(batch);
    const auto originals = state_->original_outputs(inputs, batch);
    const NamedArrays candidates = batches.run(candidate, inputs, batch);
    for (const NamedArray& output : *originals)
      state_->compare(output, inputs, candidates, first, comparison);
    first += batches.samples_of(batch);
    progress.step(bytes_of(inputs));
  }
  progress.done();
  Judgement judgement = comparison.result();
  judgement.samples = batches.samples();
  return judgement;
}

}  // namespace tt::runtime
