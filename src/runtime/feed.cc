#include "runtime/feed.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/text.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;

std::string input_text(const ValueInfo& info) {
  return "input " + base::quoted(info.name);
}

// True if the last dims of `shape` from `skip` on are those of the model's input from `from` on.
bool fits(const ValueInfo& info, const tensor::Shape& shape, std::size_t skip, std::size_t from) {
  for (std::size_t i = from; i < info.dims.size(); ++i)
    if (info.dims[i].size != kFree && static_cast<std::uint64_t>(info.dims[i].size) != shape[i - from + skip])
      return false;
  return true;
}

struct Part {
  const NamedArray* source;
  SampleForm form;
  std::uint64_t row_bytes;
};

struct Feed {
  std::vector<Part> parts;
  std::uint64_t samples = 0;
  std::uint64_t group = 0;  // samples in one run
  bool whole = false;       // a sample is a whole input somewhere
};

void set_samples(Feed& feed, std::uint64_t count, const ValueInfo& info, const ValueInfo& first) {
  if (feed.samples == 0) feed.samples = count;
  if (count == 0) throw Error(ErrorKind::bad_data, input_text(info) + " has no samples");
  if (count != feed.samples)
    throw Error(ErrorKind::bad_data,
                input_text(info) + " has " + std::to_string(count) + " samples where " + input_text(first) +
                    " has " + std::to_string(feed.samples),
                "the first axis of every array is that of the samples; an input without such an axis takes "
                "one more in front");
}

void set_group(Feed& feed, std::optional<std::uint64_t>& fixed, const ValueInfo& info) {
  if (info.dims[0].size == kFree) return;
  const auto batch = static_cast<std::uint64_t>(info.dims[0].size);
  if (batch == 0 || (fixed && *fixed != batch))
    throw Error(
        ErrorKind::bad_data,
        input_text(info) + " has a batch of " + std::to_string(batch) + " that other inputs do not have",
        "give every sample as a whole input, with one more axis in front");
  fixed = feed.group = batch;
}

Feed plan_feed(const std::vector<ValueInfo>& inputs, const NamedArrays& samples) {
  Feed feed;
  std::optional<std::uint64_t> fixed;
  const ValueInfo* first = nullptr;
  for (const ValueInfo& info : inputs) {
    const auto found = std::find_if(samples.begin(), samples.end(),
                                    [&](const NamedArray& array) { return array.name == info.name; });
    const Array& array = found->array;
    const SampleForm form = form_of(info, array.shape);
    if (form == SampleForm::shared) {
      feed.parts.push_back({&*found, form, array.data.size()});
      continue;
    }
    if (first == nullptr) first = &info;
    set_samples(feed, array.shape[0], info, *first);
    feed.parts.push_back({&*found, form, array.data.size() / array.shape[0]});
    if (form == SampleForm::whole) feed.whole = true;
    if (form == SampleForm::batched) set_group(feed, fixed, info);
  }
  if (feed.samples == 0) feed.samples = 1;
  if (!fixed) feed.group = feed.whole ? 1 : feed.samples;
  if (feed.whole && feed.group != 1)
    throw Error(ErrorKind::bad_data,
                "some inputs give whole samples and others a batch of " + std::to_string(feed.group),
                "give one more axis in front to all of them");
  if (feed.samples % feed.group != 0)
    throw Error(ErrorKind::bad_data, std::to_string(feed.samples) +
                                         " samples are no multiple of the graph's batch of " +
                                         std::to_string(feed.group));
  return feed;
}

Array slice(const Part& part, std::uint64_t begin, std::uint64_t count) {
  const Array& source = part.source->array;
  if (part.form == SampleForm::shared) return source;
  Array result{source.type, source.shape, {}};
  if (part.form == SampleForm::whole)
    result.shape.erase(result.shape.begin());
  else
    result.shape[0] = count;
  const std::uint8_t* data = source.data.data() + begin * part.row_bytes;
  result.data.assign(data, data + count * part.row_bytes);
  return result;
}

// Adds the output of a further run.
void join(Array& all, const Array& next, const std::string& name) {
  if (next.type != all.type || next.shape != all.shape)
    throw Error(ErrorKind::unsupported, "output " + base::quoted(name) + " changes its shape from run to run",
                "run the samples one at a time");
  all.data.insert(all.data.end(), next.data.begin(), next.data.end());
}

// Every run adds `group` rows to an output that has them, else one row along a new first axis.
void set_rows(Array& all, const Array& one, const Feed& feed) {
  const std::uint64_t runs = feed.samples / feed.group;
  all.shape = one.shape;
  if (!feed.whole && !one.shape.empty() && one.shape[0] == feed.group)
    all.shape[0] = feed.samples;
  else
    all.shape.insert(all.shape.begin(), runs);
}

NamedArrays group_of(const Feed& feed, std::uint64_t begin) {
  NamedArrays inputs;
  for (const Part& part : feed.parts) inputs.push_back({part.source->name, slice(part, begin, feed.group)});
  return inputs;
}

NamedArrays run_groups(Engine& engine, const Feed& feed) {
  NamedArrays all;
  for (std::uint64_t begin = 0; begin < feed.samples; begin += feed.group) {
    NamedArrays outputs = engine.run(group_of(feed, begin));
    if (begin == 0) {
      all = std::move(outputs);
      continue;
    }
    for (std::size_t i = 0; i < all.size(); ++i) join(all[i].array, outputs[i].array, all[i].name);
  }
  for (NamedArray& output : all) {
    const Array one{output.array.type, output.array.shape, {}};
    set_rows(output.array, one, feed);
  }
  return all;
}

}  // namespace

SampleForm form_of(const ValueInfo& info, const tensor::Shape& shape) {
  if (info.dims.empty() && shape.empty()) return SampleForm::shared;
  if (!info.dims.empty() && shape.size() == info.dims.size() && fits(info, shape, 1, 1))
    return SampleForm::batched;
  if (shape.size() == info.dims.size() + 1 && fits(info, shape, 1, 0)) return SampleForm::whole;
  throw Error(ErrorKind::bad_data,
              input_text(info) + " needs samples of " + dims_text(info) + ", the array is " +
                  tensor::shape_text(shape),
              "the first axis is that of the samples; --input " + base::printable(info.name) +
                  ":shape=N,... gives another shape");
}

void check_names(const std::vector<ValueInfo>& inputs, const NamedArrays& arrays) {
  for (const ValueInfo& info : inputs) {
    const Array* array = find_array(arrays, info.name);
    if (array == nullptr) throw Error(ErrorKind::bad_data, input_text(info) + " is missing");
    if (array->type != info.type)
      throw Error(ErrorKind::bad_data, input_text(info) + " needs elements of type " +
                                           std::string(element_name(info.type)) + ", not " +
                                           std::string(element_name(array->type)));
    if (array->data.size() != data_size(array->type, array->shape, input_text(info)))
      throw Error(ErrorKind::bad_data, input_text(info) + " has another number of bytes than its shape says");
  }
  for (const NamedArray& array : arrays)
    if (find_value(inputs, array.name) == nullptr)
      throw Error(ErrorKind::bad_data, "the model has no input " + base::quoted(array.name));
  if (arrays.size() != inputs.size()) throw Error(ErrorKind::bad_data, "an input is given twice");
}

void check_exact(const std::vector<ValueInfo>& inputs, const NamedArrays& arrays) {
  check_names(inputs, arrays);
  for (const ValueInfo& info : inputs) {
    const tensor::Shape& shape = find_array(arrays, info.name)->shape;
    if (shape.size() != info.dims.size() || !fits(info, shape, 0, 0))
      throw Error(ErrorKind::bad_data, input_text(info) + " needs " + dims_text(info) + ", the array is " +
                                           tensor::shape_text(shape));
  }
}

std::vector<NamedArrays> split_runs(const std::vector<ValueInfo>& inputs, const NamedArrays& samples) {
  check_names(inputs, samples);
  const Feed feed = plan_feed(inputs, samples);
  std::vector<NamedArrays> runs;
  for (std::uint64_t begin = 0; begin < feed.samples; begin += feed.group)
    runs.push_back(group_of(feed, begin));
  return runs;
}

NamedArrays run_samples(Engine& engine, const NamedArrays& samples) {
  check_names(engine.signature().inputs, samples);
  const Feed feed = plan_feed(engine.signature().inputs, samples);
  const bool at_once = feed.group == feed.samples && !feed.whole;
  if (at_once) return engine.run(samples);
  return run_groups(engine, feed);
}

}  // namespace tt::runtime
