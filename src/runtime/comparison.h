// The sums of one judgement: an original's outputs against a candidate's, batch by batch.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/judge.h"
#include "runtime/statistics.h"

namespace tt::runtime {

// Mean squared difference of outputs and labels.
class LabelError {
 public:
  // Samples [begin, begin + output.shape[0]) of the labels.
  void add(const Array& output, const Labels& labels, std::uint64_t begin);
  std::optional<double> mean() const;  // NaN if a value was not finite; empty without values

 private:
  ExactSum squares_;
  std::uint64_t values_ = 0;
};

// How many integers differ.
class IntegerCount {
 public:
  // `keep` as OutputError::add.
  void add(const Array& original, const Array& candidate, std::span<const std::uint8_t> keep);
  std::string note(const std::string& output) const;  // empty if none differs

 private:
  std::uint64_t values_ = 0, different_ = 0;
};

class Comparison {
 public:
  // `outputs`: some of the original's; `predictions`: whether there is something to predict.
  Comparison(const JudgeOptions& options, const NamedArrays& outputs, bool predictions);

  void add_output(const NamedArray& original, const Array& candidate, std::span<const std::uint8_t> keep);
  // The judged output. `labels`: as Predictions::add.
  void add_predictions(const Array& original, const Array& candidate, std::span<const std::int64_t> labels,
                       std::span<const std::uint8_t> keep);
  void add_values(const Array& original, const Array& candidate, const Labels& labels, std::uint64_t begin);

  // All but the number of samples. Errors: as OutputError::result and Predictions::result.
  Judgement result() const;

 private:
  std::vector<std::string> names_;
  std::map<std::string, OutputError> errors_;
  std::map<std::string, IntegerCount> integers_;
  std::optional<Predictions> predictions_;
  LabelError original_error_, candidate_error_;
};

// The candidate's output of the same name. Errors: bad_data: there is none, another type or shape.
const Array& matching_output(const NamedArray& original, const NamedArrays& candidate);

}  // namespace tt::runtime
