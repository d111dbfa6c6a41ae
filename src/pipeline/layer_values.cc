#include "pipeline/layer_values.h"

#include "base/cancel.h"
#include "base/error.h"
#include "runtime/batches.h"
#include "runtime/class_labels.h"
#include "runtime/comparison.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;
using runtime::NamedArrays;
using runtime::OutputError;
using Flags = std::vector<std::uint8_t>;

class Comparison {
 public:
  Comparison(const NamedArrays& first_outputs, const std::string& mask_input) : mask_input_(mask_input) {
    for (const runtime::NamedArray& output : first_outputs)
      if (runtime::is_float(output.array.type)) errors_.emplace(output.name, OutputError(output.name));
  }

  void add(const NamedArrays& inputs, const NamedArrays& originals, const NamedArrays& candidates) {
    for (const runtime::NamedArray& output : originals)
      if (const auto error = errors_.find(output.name); error != errors_.end())
        keep_or_leave_out(output.name, [&] {
          error->second.add(output.array, runtime::matching_output(output, candidates),
                            mask_for(inputs, output.array.shape));
        });
  }

  ValueErrors result() {
    for (const auto& [name, error] : errors_)
      if (!found_.left_out.contains(name))
        keep_or_leave_out(name, [&] { found_.compared.emplace(name, error.result()); });
    return std::move(found_);
  }

 private:
  template <typename F>
  void keep_or_leave_out(const std::string& name, F&& compare) {
    try {
      compare();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::bad_data) throw;
      found_.left_out.emplace(name, error.what());
    }
  }

  Flags mask_for(const NamedArrays& inputs, const tensor::Shape& shape) const {
    const runtime::Array* mask = runtime::find_array(inputs, mask_input_);
    return mask != nullptr && runtime::is_prefix(mask->shape, shape) ? runtime::nonzero(*mask) : Flags{};
  }

  const std::string& mask_input_;
  std::map<std::string, OutputError> errors_;
  ValueErrors found_;
};

}  // namespace

std::optional<double> ValueErrors::error_of(const std::string& value) const {
  if (const auto found = compared.find(value); found != compared.end()) return found->second.relative_error;
  const runtime::ValueInfo* input = runtime::find_value(inputs, value);
  if (input == nullptr || !runtime::is_float(input->type)) return {};
  return 0;
}

ValueErrors compare_values(const runtime::Session& original, const runtime::Session& candidate,
                           const runtime::Samples& samples, const std::string& mask_input,
                           base::Progress& progress) {
  constexpr std::uint64_t kRunBytes = 8 << 20;
  const runtime::Batches batches(original, samples, 0, samples.size(), kRunBytes);
  Comparison comparison(batches.first_outputs(), mask_input);
  progress.start("comparing layers", batches.count(), 0);
  for (std::uint64_t batch = 0; batch < batches.count(); ++batch) {
    base::check_cancelled();
    const NamedArrays inputs = batches.inputs(batch);
    comparison.add(inputs, batches.run(original, inputs, batch), batches.run(candidate, inputs, batch));
    progress.step(0);
  }
  progress.done();
  ValueErrors found = comparison.result();
  found.inputs = original.inputs();
  return found;
}

}  // namespace tt::pipeline
