#include "runtime/comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/text.h"
#include "runtime/rows.h"

namespace tt::runtime {

using base::Error;
using base::ErrorKind;

void LabelError::add(const Array& output, const Labels& labels, std::uint64_t begin) {
  const std::vector<double> given = to_doubles(output);
  std::size_t i = 0;
  for (std::uint64_t sample = begin; sample < begin + output.shape[0]; ++sample)
    for (const double label : labels.values(sample)) {
      const double error = given.at(i++) - label;
      squares_.add(error * error);
    }
  values_ += given.size();
}

std::optional<double> LabelError::mean() const {
  if (values_ == 0) return std::nullopt;
  const double sum = squares_.value();
  return std::isfinite(sum) ? sum / static_cast<double>(values_) : std::numeric_limits<double>::quiet_NaN();
}

void IntegerCount::add(const Array& original, const Array& candidate, std::span<const std::uint8_t> keep) {
  const std::uint64_t size = element_size(original.type), count = original.data.size() / size;
  const std::uint64_t width = keep.empty() ? 1 : count / keep.size();
  for (std::uint64_t i = 0; i < count; ++i) {
    if (!keep.empty() && keep[i / width] == 0) continue;
    const std::uint8_t* value = original.data.data() + i * size;
    ++values_;
    different_ += !std::equal(value, value + size, candidate.data.data() + i * size);
  }
}

std::string IntegerCount::note(const std::string& output) const {
  if (different_ == 0) return "";
  return "output " + base::quoted(output) + ": " + std::to_string(different_) + " of " +
         std::to_string(values_) + " integers differ";
}

Comparison::Comparison(const JudgeOptions& options, const NamedArrays& outputs, bool predictions) {
  for (const NamedArray& output : outputs) {
    names_.push_back(output.name);
    if (is_float(output.array.type))
      errors_.emplace(output.name, OutputError(output.name));
    else
      integers_.emplace(output.name, IntegerCount{});
  }
  if (predictions)
    predictions_.emplace(PredictionOptions{options.task.scores, options.task.task == Task::lm,
                                           options.confidence, options.seed});
}

void Comparison::add_output(const NamedArray& original, const Array& candidate,
                            std::span<const std::uint8_t> keep) {
  const auto error = errors_.find(original.name);
  if (error != errors_.end())
    error->second.add(original.array, candidate, keep);
  else
    integers_.at(original.name).add(original.array, candidate, keep);
}

void Comparison::add_predictions(const Array& original, const Array& candidate,
                                 std::span<const std::int64_t> labels, std::span<const std::uint8_t> keep) {
  predictions_->add(original, candidate, labels, keep);
}

void Comparison::add_values(const Array& original, const Array& candidate, const Labels& labels,
                            std::uint64_t begin) {
  original_error_.add(original, labels, begin);
  candidate_error_.add(candidate, labels, begin);
}

Judgement Comparison::result() const {
  Judgement judgement;
  for (const std::string& name : names_) {
    const auto error = errors_.find(name);
    if (error != errors_.end()) {
      judgement.outputs.push_back(error->second.result());
      judgement.finite = judgement.finite && judgement.outputs.back().non_finite == 0;
      continue;
    }
    const std::string note = integers_.at(name).note(name);
    if (!note.empty()) judgement.notes.push_back(note);
  }
  if (predictions_) judgement.predictions = predictions_->result();
  judgement.label_error_original = original_error_.mean();
  judgement.label_error_candidate = candidate_error_.mean();
  return judgement;
}

const Array& matching_output(const NamedArray& original, const NamedArrays& candidate) {
  const std::string what = "output " + base::quoted(original.name);
  const Array* array = find_array(candidate, original.name);
  if (array == nullptr) throw Error(ErrorKind::bad_data, "the candidate has no " + what);
  if (array->type != original.array.type)
    throw Error(ErrorKind::bad_data,
                what + " of the candidate is of type " + std::string(element_name(array->type)) +
                    ", that of the original of " + std::string(element_name(original.array.type)));
  require_same_shape(original.array, *array, what);
  return *array;
}

}  // namespace tt::runtime
