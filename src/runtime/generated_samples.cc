#include "runtime/generated_samples.h"

#include <algorithm>
#include <cmath>

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "model/input_uses.h"
#include "runtime/drawn_noise.h"
#include "tensor/random.h"

namespace tt::runtime {
namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 30;
constexpr double kSmallestScale = 1, kLargestScale = 64, kOverBias = 2;

[[noreturn]] void refuse(const ValueInfo& input) {
  throw base::Error(base::ErrorKind::unsupported,
                    "input " + base::quoted(input.name) + " (" + dims_text(input) +
                        ") is neither token ids, a mask nor a picture",
                    "give samples with --calib");
}

double rms(const std::vector<float>& values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * value;
  return values.empty() ? 0 : std::sqrt(sum / static_cast<double>(values.size()));
}

// What the first kernel expects, by its bias.
double scale_of(const model::Model& model, const model::InputUse& use) {
  if (!use.bias) return 1;
  const model::Weight& kernel = model.weights()[*use.kernel];
  const double row = rms(model.read(kernel).values()) * std::sqrt(static_cast<double>(kernel.layout.cols));
  const double bias = rms(model.read(model.weights()[*use.bias]).values());
  const double scale = kOverBias * bias / row;
  return std::isfinite(scale) && scale > 0 ? std::clamp(scale, kSmallestScale, kLargestScale) : 1;
}

std::uint64_t whole_batches(std::uint64_t samples, std::uint64_t batch) {
  return (samples + batch - 1) / batch * batch;
}

Array integers(const std::vector<double>& values, const tensor::Shape& shape, const ValueInfo& input) {
  if (input.type == ElementType::boolean) {
    Array array{ElementType::boolean, shape, base::Bytes(values.size())};
    for (std::size_t i = 0; i < values.size(); ++i) array.data[i] = values[i] != 0;
    return array;
  }
  Array array{ElementType::i64, shape, base::Bytes(values.size() * sizeof(std::int64_t))};
  for (std::size_t i = 0; i < values.size(); ++i)
    base::store_le(array.data.data() + i * sizeof(std::int64_t), static_cast<std::int64_t>(values[i]));
  return convert(std::move(array), input.type, input.name);
}

class Generator {
 public:
  Generator(const model::Model& model, const std::vector<ValueInfo>& inputs, const GenerateOptions& options)
      : model_(model), uses_(model::input_uses(model)), options_(options), samples_(options.samples) {
    for (const ValueInfo& input : inputs)
      if (!input.dims.empty() && input.dims[0].size > 1)
        samples_ = whole_batches(options.samples, static_cast<std::uint64_t>(input.dims[0].size));
  }

  Array make(const ValueInfo& input, std::uint64_t seed) const {
    const model::InputUse* const use = use_of(input);
    if (input.dims.size() == 2 && !is_float(input.type)) return tokens(input, use, seed);
    if (input.dims.size() == 4 && use != nullptr && use->kernel &&
        (is_float(input.type) || input.type == ElementType::u8))
      return pictures(input, *use, seed);
    refuse(input);
  }

  // Something has to say what the model looks at.
  bool knows_any() const { return !uses_.empty(); }

 private:
  const model::InputUse* use_of(const ValueInfo& input) const {
    const auto found =
        std::find_if(uses_.begin(), uses_.end(), [&](const auto& use) { return use.input == input.name; });
    return found == uses_.end() ? nullptr : &*found;
  }

  tensor::Shape shape_of(const ValueInfo& input, std::uint64_t free) const {
    tensor::Shape shape{samples_};
    for (std::size_t i = 1; i < input.dims.size(); ++i)
      shape.push_back(input.dims[i].size == kFree ? free : static_cast<std::uint64_t>(input.dims[i].size));
    if (data_size(ElementType::f64, shape, "input " + base::quoted(input.name)) > kMaxBytes)
      throw base::Error(base::ErrorKind::resource_limit,
                        "samples of input " + base::quoted(input.name) + " would take more than 1 GiB");
    return shape;
  }

  Array tokens(const ValueInfo& input, const model::InputUse* use, std::uint64_t seed) const {
    const tensor::Shape shape = shape_of(input, options_.length);
    std::vector<double> values(shape[0] * shape[1], 1.0);
    if (use != nullptr && use->table) {
      const std::uint64_t rows = model_.weights()[*use->table].layout.rows;
      const bool position = input.name.find("position") != std::string::npos;
      for (std::uint64_t i = 0; i < values.size(); ++i) {
        const std::uint64_t drawn = rows == 2 ? 0 : tensor::random_bits(seed, i) % rows;
        values[i] = static_cast<double>(position ? i % shape[1] % rows : drawn);
      }
    }
    return integers(values, shape, input);
  }

  Array pictures(const ValueInfo& input, const model::InputUse& use, std::uint64_t seed) const {
    const tensor::Shape shape = shape_of(input, kPictureSide);
    const bool behind = !is_channels(shape[1]) || input.dims[1].size == kFree;
    if (!is_channels(shape[behind ? 3 : 1])) refuse(input);
    const bool bytes = input.type == ElementType::u8;
    const double scale = bytes ? 64 : scale_of(model_, use), middle = bytes ? 128 : 0;
    std::vector<double> values(shape[0] * shape[1] * shape[2] * shape[3]);
    const std::uint64_t each = values.size() / shape[0];
    for (std::uint64_t i = 0; i < shape[0]; ++i)
      draw(tensor::random_bits(seed, i), shape, behind, std::span(values).subspan(i * each, each));
    for (double& value : values) value = middle + scale * value;
    if (!bytes) return from_doubles(values, shape, input.type, input.name);
    for (double& value : values) value = std::clamp(std::round(value), 0.0, 255.0);
    return integers(values, shape, input);
  }

  static bool is_channels(std::uint64_t size) { return size == 1 || size == 3 || size == 4; }

  // One picture: what all channels share and half as much of their own, contrast 0.2 to 1, mean about +-0.7.
  static void draw(std::uint64_t seed, const tensor::Shape& shape, bool channels_behind,
                   std::span<double> out) {
    const std::uint64_t channels = shape[channels_behind ? 3 : 1];
    const std::uint64_t height = shape[channels_behind ? 1 : 2], width = shape[channels_behind ? 2 : 3];
    const std::vector<float> shared = drawn_noise(tensor::random_bits(seed, 0), height, width);
    const double contrast = 0.6 + 0.4 * tensor::random_uniform(seed, 1);
    for (std::uint64_t c = 0; c < channels; ++c) {
      const std::uint64_t own_seed = tensor::random_bits(seed, 2 + c);
      const std::vector<float> own = drawn_noise(own_seed, height, width);
      const double mean = 1.2 * tensor::random_uniform(own_seed, UINT64_MAX - 1);
      for (std::uint64_t i = 0; i < shared.size(); ++i)
        out[channels_behind ? i * channels + c : c * shared.size() + i] =
            contrast * (shared[i] + 0.5 * own[i]) + mean;
    }
  }

  const model::Model& model_;
  std::vector<model::InputUse> uses_;
  GenerateOptions options_;
  std::uint64_t samples_;
};

}  // namespace

NamedArrays generate_samples(const model::Model& model, const std::vector<ValueInfo>& inputs,
                             const GenerateOptions& options) {
  const Generator generator(model, inputs, options);
  if (!generator.knows_any() && !inputs.empty()) refuse(inputs[0]);
  NamedArrays arrays;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    arrays.push_back({inputs[i].name, generator.make(inputs[i], tensor::random_bits(options.seed, i))});
  return arrays;
}

}  // namespace tt::runtime
