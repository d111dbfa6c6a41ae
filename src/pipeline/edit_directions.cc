#include "pipeline/edit_directions.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/text.h"
#include "pipeline/patterns.h"
#include "pipeline/similarity.h"
#include "runtime/array_source.h"
#include "tensor/components.h"
#include "tensor/gram.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;

constexpr std::string_view kPattern = "pattern:";

std::vector<float> as_seen(const tensor::WeightData& weight, bool turned) {
  std::vector<float> values = weight.values();
  return turned ? tensor::transposed(values, weight.layout.rows, weight.layout.cols) : values;
}

}  // namespace

std::optional<std::uint64_t> pattern_number(const std::string& text) {
  if (!text.starts_with(kPattern)) return std::nullopt;
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data() + kPattern.size(), end, number);
  if (problem != std::errc() || stop != end || number < 1 || number > kComponents)
    throw Error(ErrorKind::usage, "bad direction " + base::quoted(text),
                "patterns of a matrix are pattern:1 to pattern:" + std::to_string(kComponents) +
                    ", see tt analyze -v");
  return number;
}

Vectors read_vectors(const std::string& path) {
  const runtime::ArraySources sources = runtime::open_arrays(path);
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorKind::bad_data, "directions " + base::quoted(path) + ": " + why,
                "give a .npy file with one vector, or a matrix with one vector a row");
  };
  if (sources.size() != 1) refuse(std::to_string(sources.size()) + " arrays in place of one");
  runtime::ArraySource& source = *sources[0];
  const tensor::Shape& shape = source.shape();
  if (shape.empty() || shape.size() > 2) refuse("the array is " + tensor::shape_text(shape));
  if (tensor::element_count(shape) == 0) refuse("the array is empty");
  Vectors vectors{shape.size() == 2 ? shape[0] : 1, shape.back(), {}};
  vectors.values = runtime::to_doubles(source.read(0, source.rows()));
  return vectors;
}

Vectors pattern_vector(const tensor::WeightData& weight, const SeenWeight& seen, Side side,
                       std::uint64_t number) {
  const std::uint64_t outputs = seen.length(Side::output), inputs = seen.length(Side::input);
  const std::vector<float> values = as_seen(weight, seen.turned);
  const tensor::Components found = tensor::components_of({values, outputs, inputs}, kDirections);
  if (found.count < number)
    throw Error(ErrorKind::bad_data,
                "there are " + std::to_string(found.count) + " patterns, and not one of number " +
                    std::to_string(number),
                "see tt analyze -v");
  const std::uint64_t length = side == Side::input ? inputs : outputs;
  const std::vector<double>& all = side == Side::input ? found.right : found.left;
  const auto from = all.begin() + static_cast<std::ptrdiff_t>((number - 1) * length);
  return {1, length, std::vector<double>(from, from + static_cast<std::ptrdiff_t>(length))};
}

Vectors mean_difference(const runtime::Calibration& positive, const runtime::Calibration& negative,
                        std::size_t index, const tensor::WeightData& weight, const SeenWeight& seen,
                        Side side) {
  const std::uint64_t inputs = seen.length(Side::input);
  std::vector<double> difference = positive.mean(index);
  const std::vector<double> less = negative.mean(index);
  if (difference.size() != inputs || less.size() != inputs)
    throw Error(ErrorKind::bad_data, "the mean of its layer's inputs is not known",
                "choose a matrix or a kernel of the main graph as --layer");
  for (std::uint64_t i = 0; i < inputs; ++i) difference[i] -= less[i];
  if (side == Side::input) return {1, inputs, std::move(difference)};
  const std::vector<float> values = as_seen(weight, seen.turned);
  const std::uint64_t outputs = seen.length(Side::output);
  return {1, outputs, tensor::project(difference, 1, {values, outputs, inputs}, true)};
}

}  // namespace tt::pipeline
