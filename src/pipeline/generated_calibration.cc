#include "pipeline/generated_calibration.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/calibrate.h"
#include "runtime/calibration_file.h"
#include "runtime/generated_samples.h"
#include "runtime/macs.h"
#include "runtime/memory_source.h"

namespace tt::pipeline {
namespace {

constexpr std::uint64_t kTokenSamples = 64, kPictureSamples = 16, kFewestSamples = 4;
constexpr std::uint64_t kLength = 64, kShortLength = 16;
constexpr double kMaxMacs = 5e11, kTrialSeconds = 10, kSeconds = 120;
constexpr std::uint64_t kPlans = 4;  // that held-out samples are run for

std::uint64_t probe_samples(std::uint64_t samples) {
  return std::max<std::uint64_t>(2, samples / 8);
}

// How many samples the arithmetic allows, none if not even the fewest.
std::uint64_t affordable(const model::Model& model, std::uint64_t macs, std::uint64_t most) {
  const auto layers =
      static_cast<std::uint64_t>(std::count_if(model.weights().begin(), model.weights().end(),
                                               [](const auto& w) { return model::is_layer_role(w.role); }));
  for (std::uint64_t samples = most; samples >= kFewestSamples; samples /= 2) {
    const std::uint64_t runs = samples + samples / 4 * kPlans + probe_samples(samples) * (layers + 1);
    if (static_cast<double>(runs) * static_cast<double>(macs) <= kMaxMacs) return samples;
  }
  return 0;
}

// Sequences that the model takes, and how many samples are affordable.
struct Trial {
  std::uint64_t length = kLength, samples = 0;
};

base::Bytes pack(const Trial& trial) {
  base::Bytes bytes;
  base::append_le(bytes, trial.length);
  base::append_le(bytes, trial.samples);
  return bytes;
}

Trial unpack(const base::Bytes& bytes) {
  return {base::load_le<std::uint64_t>(bytes.data()), base::load_le<std::uint64_t>(bytes.data() + 8)};
}

std::uint64_t sample_count(const runtime::NamedArrays& arrays) {
  return arrays.empty() || arrays[0].array.shape.empty() ? 1 : arrays[0].array.shape[0];
}

bool has_picture(const std::vector<runtime::ValueInfo>& inputs) {
  return std::any_of(inputs.begin(), inputs.end(), [](const auto& input) { return input.dims.size() == 4; });
}

// Multiply-adds of one sample. Tables of positions may be shorter than `length`: then the run fails, and it
// is tried with kShortLength.
std::uint64_t macs_of_sample(const model::Model& model, const std::vector<runtime::ValueInfo>& inputs,
                             const GeneratedOptions& options, std::uint64_t& length) {
  for (;; length = kShortLength) {
    const runtime::NamedArrays one = runtime::generate_samples(model, inputs, {1, length, options.seed});
    try {
      return runtime::count_macs(model, one, sample_count(one), options.threads).total;
    } catch (const base::Error& error) {
      if (error.kind() != base::ErrorKind::bad_data || length == kShortLength) throw;
    }
  }
}

runtime::CalibrateOptions calibrate_options(const GeneratedOptions& options) {
  runtime::CalibrateOptions how;
  how.threads = options.threads;
  how.seed = options.seed;
  how.generated = true;
  return how;
}

Trial try_one(const model::Model& model, const GeneratedOptions& options) {
  const std::vector<runtime::ValueInfo> inputs =
      runtime::Calibrator(model, calibrate_options(options)).inputs();
  Trial trial;
  const std::uint64_t macs = macs_of_sample(model, inputs, options, trial.length);
  trial.samples = affordable(model, macs, has_picture(inputs) ? kPictureSamples : kTokenSamples);
  if (trial.samples == 0 || macs == 0)
    throw base::Error(base::ErrorKind::resource_limit, "running it on generated inputs would take " +
                                                           std::to_string(macs) + " multiply-adds a sample");
  return trial;
}

runtime::CalibrationSums sum_generated(const model::Model& model, const Trial& trial,
                                       const GeneratedOptions& options) {
  runtime::CalibrateOptions how = calibrate_options(options);
  how.max_probe_samples = probe_samples(trial.samples);
  runtime::Calibrator calibrator(model, how);
  const std::vector<runtime::ValueInfo>& inputs = calibrator.inputs();
  runtime::ArraySources sources;
  for (runtime::NamedArray& array :
       runtime::generate_samples(model, inputs, {trial.samples, trial.length, options.seed}))
    sources.push_back(std::make_unique<runtime::MemorySource>(std::move(array), "generated inputs"));
  const runtime::Samples samples = runtime::Samples::of(std::move(sources), inputs);
  base::Progress silent;
  return calibrator.run(samples, {}, silent);
}

// The result of one function in a child of its own.
base::Bytes in_child(const base::ChildLimits& limits, const std::function<base::Bytes()>& work) {
  base::Child child(limits, "the model", [&](base::ByteView) { return work(); });
  return child.call({});
}

// A run of one sample first, with little time: a model that takes long for it takes too long for all.
runtime::CalibrationSums calibrate_in_children(const model::Model& model, const GeneratedOptions& options) {
  base::ChildLimits limits = generated_limits(options.max_memory);
  limits.seconds = kTrialSeconds;
  const Trial trial = unpack(in_child(limits, [&] { return pack(try_one(model, options)); }));
  base::Bytes file = in_child(generated_limits(options.max_memory), [&] {
    return runtime::calibration_bytes(sum_generated(model, trial, options), options.threads);
  });
  return runtime::read_calibration(base::InputFile::from_bytes(std::move(file), "generated calibration"));
}

}  // namespace

base::ChildLimits generated_limits(std::uint64_t max_memory) {
  return {.memory_bytes = max_memory, .seconds = kSeconds};
}

GeneratedCalibration calibrate_on_generated(const model::Model& model, const GeneratedOptions& options,
                                            base::Progress& progress) {
  GeneratedCalibration result;
  progress.start("trying out", 1, 0);
  try {
    runtime::CalibrationSums sums = calibrate_in_children(model, options);
    sums.info.generated = true;
    result.samples = sums.info.samples;
    result.known = std::make_shared<const runtime::Calibration>(std::move(sums));
  } catch (const base::Error& error) {
    if (error.kind() == base::ErrorKind::interrupted || error.kind() == base::ErrorKind::terminated) throw;
    result.why_not = error.what();
  }
  progress.done();
  return result;
}

}  // namespace tt::pipeline
