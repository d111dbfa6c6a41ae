#include "runtime/labels.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/error.h"
#include "base/text.h"
#include "runtime/array_source.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;

struct LabelPath {
  std::string file, array;  // array empty: the only one
};

// A file of the whole name goes before "FILE:ARRAY".
LabelPath split(const std::string& path) {
  const std::size_t colon = path.rfind(':');
  if (colon == std::string::npos || std::filesystem::exists(path)) return {path, ""};
  return {path.substr(0, colon), path.substr(colon + 1)};
}

ArraySource& choose(const ArraySources& sources, const LabelPath& path) {
  if (path.array.empty() && sources.size() == 1) return *sources[0];
  std::string names;
  for (const auto& source : sources) {
    if (!path.array.empty() && source->name() == path.array) return *source;
    names += (names.empty() ? "" : ", ") + base::printable(source->name());
  }
  if (path.array.empty())
    throw Error(ErrorKind::usage,
                base::quoted(path.file) + " holds " + std::to_string(sources.size()) +
                    " arrays, which are the labels is not said",
                "name one: " + base::printable(path.file) + ":NAME; they are called " + names);
  throw Error(ErrorKind::usage, base::quoted(path.file) + " holds no array " + base::quoted(path.array),
              names.empty() ? "its array has no name" : "its arrays are called " + names);
}

bool all_finite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](const double value) { return std::isfinite(value); });
}

// Exactly one 1, else 0.
bool is_one_hot(const std::vector<double>& row) {
  const auto ones = std::count(row.begin(), row.end(), 1.0), zeros = std::count(row.begin(), row.end(), 0.0);
  return ones == 1 && static_cast<std::size_t>(ones + zeros) == row.size();
}

}  // namespace

Labels Labels::open(const std::string& path) {
  const LabelPath parts = split(path);
  if (std::filesystem::is_directory(parts.file))
    throw Error(ErrorKind::bad_data, base::quoted(parts.file) + " is a folder, labels are a file",
                "give a .npy, .npz or safetensors file");
  const ArraySources sources = open_arrays(parts.file);
  ArraySource& source = choose(sources, parts);
  if (data_size(source.type(), source.shape(), source.text()) > kMaxRowBytes)
    throw Error(ErrorKind::resource_limit,
                source.text() + " is larger than " + base::format_bytes(kMaxRowBytes) + " of labels");
  return Labels(source.read(0, source.rows()));
}

Labels::Labels(Array array) : array_(std::move(array)) {
  if (array_.shape.empty() || array_.data.empty())
    throw Error(ErrorKind::bad_data,
                std::string("the labels are ") + (array_.shape.empty() ? "a single number" : "empty"),
                "the first axis of the array is that of the samples");
  one_hot_ = array_.shape.size() == 2 && array_.shape[1] > 1;
  for (std::uint64_t sample = 0; sample < size() && (one_hot_ || is_float(array_.type)); ++sample) {
    const std::vector<double> row = values(sample);
    if (!all_finite(row))
      throw Error(ErrorKind::bad_data,
                  "the labels of sample " + std::to_string(sample) + " hold a value that is not finite");
    one_hot_ = one_hot_ && is_one_hot(row);
  }
}

std::uint64_t Labels::size() const {
  return array_.shape[0];
}

bool Labels::integers() const {
  return one_hot_ || !is_float(array_.type);
}

std::uint64_t Labels::per_sample() const {
  return one_hot_ ? 1 : tensor::element_count(array_.shape) / size();
}

Array Labels::slice(std::uint64_t sample) const {
  if (sample >= size())
    throw Error(ErrorKind::bad_data, "there are " + std::to_string(size()) + " labels, sample " +
                                         std::to_string(sample) + " has none");
  const std::uint64_t bytes = array_.data.size() / size();
  const std::uint8_t* begin = array_.data.data() + sample * bytes;
  return {array_.type, {bytes / element_size(array_.type)}, base::Bytes(begin, begin + bytes)};
}

std::vector<std::int64_t> Labels::classes(std::uint64_t sample) const {
  const Array array = slice(sample);
  if (one_hot_) {
    const std::vector<double> row = to_doubles(array);
    return {std::max_element(row.begin(), row.end()) - row.begin()};
  }
  if (!is_float(array.type)) return to_integers(array, "the label array");
  std::vector<std::int64_t> result;
  for (const double value : to_doubles(array)) {
    if (value != std::floor(value) || std::abs(value) > 0x1p53)
      throw Error(ErrorKind::bad_data,
                  "the label " + std::to_string(value) + " of sample " + std::to_string(sample) +
                      " is no whole number",
                  "class labels are integers; for values to be met use --task regression");
    result.push_back(static_cast<std::int64_t>(value));
  }
  return result;
}

std::vector<double> Labels::values(std::uint64_t sample) const {
  return to_doubles(slice(sample));
}

}  // namespace tt::runtime
