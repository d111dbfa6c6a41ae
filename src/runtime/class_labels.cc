#include "runtime/class_labels.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "runtime/predictions.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;

void check_label(std::int64_t label, std::uint64_t sample, std::uint64_t classes) {
  if (label == Predictions::kIgnored || (label >= 0 && static_cast<std::uint64_t>(label) < classes)) return;
  throw Error(ErrorKind::bad_data,
              "the label " + std::to_string(label) + " of sample " + std::to_string(sample) +
                  " is outside 0 to " + std::to_string(classes - 1) + ", the classes of the model",
              "positions without a label have " + std::to_string(Predictions::kIgnored));
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

bool is_tokens(const NamedArray& input, const tensor::Shape& output) {
  const Array& array = input.array;
  return (array.type == ElementType::i32 || array.type == ElementType::i64) && array.shape.size() == 2 &&
         output.size() == 3 && output[1] > 1 && is_prefix(array.shape, output);
}

}  // namespace

std::vector<std::int64_t> class_labels(const Labels& labels, std::uint64_t begin, std::uint64_t count,
                                       const Rows& rows) {
  if (labels.per_sample() != rows.per_sample)
    throw Error(ErrorKind::bad_data, "the labels are " + std::to_string(labels.per_sample()) +
                                         " a sample (shape " + tensor::shape_text(labels.array().shape) +
                                         "), the model gives " + std::to_string(rows.per_sample) +
                                         " predictions a sample");
  std::vector<std::int64_t> result;
  for (std::uint64_t sample = begin; sample < begin + count; ++sample)
    for (const std::int64_t label : labels.classes(sample)) {
      check_label(label, sample, rows.length);
      result.push_back(label);
    }
  return result;
}

std::string token_input(const NamedArrays& inputs, const tensor::Shape& output,
                        const std::string& mask_input) {
  std::vector<std::string> names;
  for (const NamedArray& input : inputs)
    if (input.name != mask_input && is_tokens(input, output)) names.push_back(input.name);
  if (names.size() == 1) return names[0];
  if (std::find(names.begin(), names.end(), "input_ids") != names.end()) return "input_ids";
  const auto found = std::find_if(names.begin(), names.end(), [](const std::string& name) {
    return contains(name, "ids") && !contains(name, "type") && !contains(name, "position");
  });
  return found == names.end() ? "" : *found;
}

std::vector<std::int64_t> next_tokens(const Array& tokens, const std::vector<std::uint8_t>& mask) {
  const std::vector<std::int64_t> values = to_integers(tokens, "the array of tokens");
  const std::size_t length = tokens.shape.back();
  std::vector<std::int64_t> result(values.size(), Predictions::kIgnored);
  for (std::size_t i = 0; i + 1 < values.size(); ++i) {
    const bool last = (i + 1) % length == 0;
    if (!last && (mask.empty() || mask[i + 1] != 0)) result[i] = values[i + 1];
  }
  return result;
}

bool is_prefix(const tensor::Shape& flags, const tensor::Shape& values) {
  return !flags.empty() && flags.size() <= values.size() &&
         std::equal(flags.begin(), flags.end(), values.begin());
}

std::vector<std::uint8_t> nonzero(const Array& array) {
  const std::vector<double> values = to_doubles(array);
  std::vector<std::uint8_t> flags(values.size());
  std::transform(values.begin(), values.end(), flags.begin(),
                 [](const double value) { return static_cast<std::uint8_t>(value != 0); });
  return flags;
}

}  // namespace tt::runtime
