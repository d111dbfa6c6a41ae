#include "runtime/samples.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/checked.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/feed.h"

namespace tt::runtime {

using base::Error;
using base::ErrorKind;

// One input and the array that it is read from.
struct Samples::Column {
  ValueInfo info;
  std::shared_ptr<ArraySource> source;
  InputMapping mapping;
  bool shared = false;
};

namespace {

std::string names_text(const std::vector<ValueInfo>& inputs) {
  std::string text;
  for (const ValueInfo& info : inputs) text += (text.empty() ? "" : ", ") + base::printable(info.name);
  return text;
}

// "#2" of a test data set is the third input.
std::string input_name(const ArraySource& source, const std::vector<ValueInfo>& inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (source.name() == "#" + std::to_string(i)) return inputs[i].name;
  return source.name();
}

std::map<std::string, std::shared_ptr<ArraySource>> by_name(ArraySources sources,
                                                            const std::vector<ValueInfo>& inputs) {
  std::map<std::string, std::shared_ptr<ArraySource>> result;
  if (sources.size() == 1 && sources[0]->name().empty()) {
    if (inputs.size() != 1)
      throw Error(
          ErrorKind::bad_data,
          sources[0]->text() + " is one array, the model has " + std::to_string(inputs.size()) + " inputs",
          "save an .npz file with arrays called " + names_text(inputs));
    result.emplace(inputs[0].name, std::move(sources[0]));
    return result;
  }
  for (auto& source : sources) {
    const std::string name = input_name(*source, inputs);
    if (find_value(inputs, name) == nullptr)
      throw Error(ErrorKind::bad_data, source->text() + " is no input of the model",
                  "its inputs are called " + names_text(inputs));
    if (!result.emplace(name, std::move(source)).second)
      throw Error(ErrorKind::bad_data, "two arrays are given for input " + base::quoted(name));
  }
  return result;
}

// ",shape=N,784" where the samples have another rank and the model says all that is needed.
std::string shape_hint(const ValueInfo& info, const ArraySource& source) {
  if (info.dims.empty() || info.dims.size() == source.shape().size()) return "";
  std::string text = ",shape=N";
  for (std::size_t i = 1; i < info.dims.size(); ++i) {
    if (info.dims[i].size == kFree) return "";
    text += "," + std::to_string(info.dims[i].size);
  }
  return text;
}

void check_type(const ValueInfo& info, const ArraySource& source, const InputMapping& mapping) {
  const std::string name(element_name(info.type)), has(element_name(source.type()));
  if (mapping.has_values() && !is_float(info.type))
    throw Error(
        ErrorKind::usage,
        "input " + base::quoted(info.name) + " is of type " + name + ", scale, mean and std are for floats",
        "leave them out of --input " + base::printable(info.name));
  if (mapping.has_values()) return;
  if (is_float(info.type) && !is_float(source.type()))
    throw Error(ErrorKind::bad_data, source.text() + " holds " + has + " where the model needs " + name,
                "say how they are scaled: --input " + base::printable(info.name) + ":scale=1/255" +
                    shape_hint(info, source) + " (scale=1 takes them as they are)");
  const bool same_class = is_float(info.type) == is_float(source.type());
  const bool both_bool = (info.type == ElementType::boolean) == (source.type() == ElementType::boolean);
  if (!same_class || !both_bool)
    throw Error(ErrorKind::bad_data, source.text() + " holds " + has + " where the model needs " + name,
                "convert it before");
}

// The source's shape as the mapping wants it.
tensor::Shape mapped_shape(const ArraySource& source, const InputMapping& mapping) {
  if (!mapping.reshaped || source.shape().empty()) return source.shape();
  tensor::Shape shape = {source.rows()};
  shape.insert(shape.end(), mapping.shape.begin(), mapping.shape.end());
  const std::uint64_t wanted = tensor::element_count(mapping.shape),
                      have = source.row_bytes() / element_size(source.type());
  if (wanted != have)
    throw Error(ErrorKind::bad_data, source.text() + " has samples of " + std::to_string(have) +
                                         " elements, the shape " + tensor::shape_text(mapping.shape) +
                                         " needs " + std::to_string(wanted));
  return shape;
}

void refuse_nan(const std::vector<double>& values, std::uint64_t begin, std::uint64_t count,
                const ArraySource& source) {
  const auto found =
      std::find_if(values.begin(), values.end(), [](double value) { return std::isnan(value); });
  if (found == values.end()) return;
  const std::uint64_t row = values.size() / std::max<std::uint64_t>(count, 1);
  throw Error(ErrorKind::bad_data,
              source.text() + " has NaN in sample " +
                  std::to_string(begin + static_cast<std::uint64_t>(found - values.begin()) /
                                             std::max<std::uint64_t>(row, 1)));
}

void map_values(std::vector<double>& values, const InputMapping& mapping) {
  const double scale = mapping.scale.value_or(1), mean = mapping.mean.value_or(0),
               deviation = mapping.std.value_or(1);
  for (double& value : values) value = (value * scale - mean) / deviation;
}

}  // namespace

Samples::Samples() = default;
Samples::Samples(Samples&&) noexcept = default;
Samples& Samples::operator=(Samples&&) noexcept = default;
Samples::~Samples() = default;

Samples Samples::open(const std::string& path, const std::vector<ValueInfo>& inputs,
                      const InputMappings& mappings) {
  return of(open_arrays(path), inputs, mappings);
}

Samples Samples::of(ArraySources sources, const std::vector<ValueInfo>& inputs,
                    const InputMappings& mappings) {
  for (const auto& [name, mapping] : mappings)
    if (find_value(inputs, name) == nullptr)
      throw Error(ErrorKind::usage, "the model has no input " + base::quoted(name),
                  "its inputs are called " + names_text(inputs));
  auto arrays = by_name(std::move(sources), inputs);
  Samples samples;
  const ArraySource* first = nullptr;
  for (const ValueInfo& info : inputs) {
    const auto found = arrays.find(info.name);
    if (found == arrays.end())
      throw Error(ErrorKind::bad_data, "there are no samples for input " + base::quoted(info.name),
                  "the inputs are called " + names_text(inputs));
    const ArraySource& source = *found->second;
    const auto mapping = mappings.find(info.name);
    Column column{info, found->second, mapping == mappings.end() ? InputMapping{} : mapping->second, false};
    check_type(info, source, column.mapping);
    column.shared = form_of(info, mapped_shape(source, column.mapping)) == SampleForm::shared;
    if (!column.shared && source.rows() == 0)
      throw Error(ErrorKind::bad_data, source.text() + " has no samples");
    if (!column.shared && first != nullptr && source.rows() != first->rows())
      throw Error(ErrorKind::bad_data, source.text() + " has " + std::to_string(source.rows()) +
                                           " samples, " + first->text() + " has " +
                                           std::to_string(first->rows()));
    if (!column.shared && first == nullptr) first = &source;
    samples.columns_.push_back(std::move(column));
  }
  samples.size_ = first == nullptr ? 1 : first->rows();
  return samples;
}

std::uint64_t Samples::size() const {
  return size_;
}

void Samples::require(std::uint64_t wanted, const std::string& why) const {
  if (size_ < wanted)
    throw Error(ErrorKind::bad_data, "too few samples, " + why + " needs " + std::to_string(wanted) +
                                         " and there are " + std::to_string(size_));
}

std::uint64_t Samples::batch_for(std::uint64_t bytes) const {
  std::uint64_t row = 1;
  for (const Column& column : columns_) {
    const std::uint64_t elements = column.source->row_bytes() / element_size(column.source->type());
    row = base::checked_add(row,
                            base::checked_mul(elements, element_size(column.info.type), "size of a sample"),
                            "size of a sample");
  }
  return std::clamp<std::uint64_t>(bytes / row, 1, size_);
}

NamedArrays Samples::read(std::uint64_t begin, std::uint64_t count) const {
  if (count == 0 || !base::range_inside(begin, count, size_))
    throw Error(ErrorKind::bad_data, "samples " + std::to_string(begin) + " to " +
                                         std::to_string(begin + count) + " of " + std::to_string(size_) +
                                         " were wanted");
  NamedArrays result;
  for (const Column& column : columns_) {
    Array array = column.shared ? column.source->read(0, 1) : column.source->read(begin, count);
    if (column.mapping.reshaped) {
      array.shape = mapped_shape(*column.source, column.mapping);
      if (!column.shared) array.shape[0] = count;
    }
    if (is_float(column.info.type)) {
      std::vector<double> values = to_doubles(array);
      refuse_nan(values, column.shared ? 0 : begin, column.shared ? 1 : count, *column.source);
      if (column.mapping.has_values()) map_values(values, column.mapping);
      if (column.mapping.has_values() || array.type != column.info.type)
        array = from_doubles(values, array.shape, column.info.type, column.source->text());
    } else {
      array = convert(std::move(array), column.info.type, column.source->text());
    }
    result.push_back({column.info.name, std::move(array)});
  }
  return result;
}

}  // namespace tt::runtime
