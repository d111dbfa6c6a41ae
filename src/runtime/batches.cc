#include "runtime/batches.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "runtime/feed.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;

// The batch that the graph fixes, else 1.
std::uint64_t group_of(const std::vector<ValueInfo>& inputs, const NamedArrays& sample) {
  for (const ValueInfo& info : inputs) {
    const Array* array = find_array(sample, info.name);
    if (array == nullptr || form_of(info, array->shape) != SampleForm::batched) continue;
    if (info.dims[0].size > 0) return static_cast<std::uint64_t>(info.dims[0].size);
  }
  return 1;
}

std::uint64_t bytes_of(const NamedArrays& arrays) {
  std::uint64_t bytes = 0;
  for (const NamedArray& entry : arrays) bytes += entry.array.data.size();
  return bytes;
}

bool has_axis(const Array& array, std::uint64_t samples) {
  return !array.shape.empty() && array.shape[0] == samples;
}

void add_axis(NamedArrays& outputs, std::uint64_t samples) {
  for (NamedArray& output : outputs)
    if (!has_axis(output.array, samples)) output.array.shape.insert(output.array.shape.begin(), 1);
}

// The outputs of twice as many samples have twice as many rows of the same shape.
bool doubles(const NamedArrays& one, const NamedArrays& two, std::uint64_t samples) {
  for (std::size_t i = 0; i < one.size(); ++i) {
    const tensor::Shape &a = one[i].array.shape, &b = two[i].array.shape;
    if (!has_axis(one[i].array, samples) || !has_axis(two[i].array, 2 * samples)) return false;
    if (!std::equal(a.begin() + 1, a.end(), b.begin() + 1, b.end())) return false;
  }
  return true;
}

}  // namespace

Batches::Batches(const Session& session, const Samples& samples, std::uint64_t begin, std::uint64_t count,
                 std::uint64_t bytes, std::uint64_t most)
    : samples_(samples), begin_(begin), count_(count) {
  if (count == 0) throw Error(ErrorKind::bad_data, "there are no samples to compare the models on");
  group_ = group_of(session.inputs(), samples.read(begin, 1));
  if (count % group_ != 0)
    throw Error(
        ErrorKind::bad_data,
        std::to_string(count) + " samples are no multiple of the graph's batch of " + std::to_string(group_));
  first_inputs_ = samples.read(begin, group_);
  first_outputs_ = session.run(first_inputs_);
  single_ = !takes_several(session);
  const std::uint64_t group_bytes =
      std::max<std::uint64_t>(bytes_of(first_inputs_) + bytes_of(first_outputs_), 1);
  if (!single_)
    size_ = std::clamp<std::uint64_t>(bytes / group_bytes, 1, std::max<std::uint64_t>(most / group_, 1));
  size_ *= group_;
  add_axis(first_outputs_, group_);
}

bool Batches::takes_several(const Session& session) const {
  if (count_ < 2 * group_) return false;
  try {
    return doubles(first_outputs_, session.run(samples_.read(begin_, 2 * group_)), group_);
  } catch (const Error& error) {
    // Graphs that say they take any batch and have the size of one in a Reshape.
    if (error.kind() == ErrorKind::bad_data || error.kind() == ErrorKind::unsupported) return false;
    throw;
  }
}

std::uint64_t Batches::samples_of(std::uint64_t batch) const {
  return std::min(size_, count_ - batch * size_);
}

NamedArrays Batches::inputs(std::uint64_t batch) const {
  return samples_.read(begin_ + batch * size_, samples_of(batch));
}

NamedArrays Batches::run(const Session& session, const NamedArrays& inputs, std::uint64_t batch) const {
  NamedArrays outputs = session.run(inputs);
  const std::uint64_t samples = samples_of(batch);
  if (single_) add_axis(outputs, samples);
  for (const NamedArray& output : outputs)
    if (!single_ && !has_axis(output.array, samples))
      throw Error(ErrorKind::unsupported,
                  "the first axis of output " + base::quoted(output.name) + " is " +
                      tensor::shape_text(output.array.shape) + " for " + std::to_string(samples) + " samples",
                  "give every sample as a whole input, with one more axis in front");
  return outputs;
}

}  // namespace tt::runtime
