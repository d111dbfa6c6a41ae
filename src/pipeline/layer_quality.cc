#include "pipeline/layer_quality.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "model/taps.h"
#include "runtime/judge.h"
#include "runtime/macs.h"

namespace tt::pipeline {
namespace {

using runtime::OutputMetrics;
using Names = std::vector<std::string>;

// What goes in and comes out of the layers, of those values that nodes of both models give.
Names shared_values(const model::Model& original, const model::Model& candidate,
                    const std::vector<model::Tap>& taps) {
  std::set<std::string> values;
  for (const model::Tap& tap : taps) values.insert({tap.input, tap.output});
  values.erase("");
  return model::given_values(original, model::given_values(candidate, {values.begin(), values.end()}));
}

struct Measured {
  std::map<std::string, OutputMetrics> values;
  std::vector<runtime::ValueInfo> inputs;  // of the graph: the same for both

  std::optional<double> error_of(const std::string& value) const {
    if (const auto found = values.find(value); found != values.end()) return found->second.relative_error;
    const runtime::ValueInfo* input = runtime::find_value(inputs, value);
    if (input == nullptr || !runtime::is_float(input->type)) return {};
    return 0;
  }
};

Measured measure(const model::Model& original, const model::Model& candidate, const Names& values,
                 const runtime::Samples& samples, const LayerQualityOptions& options,
                 base::Progress& progress) {
  const auto open = [&](const model::Model& model) {
    return runtime::Session::open(runtime::tapped_model(model, values), options.session);
  };
  const runtime::Session first = open(original), second = open(candidate);
  runtime::JudgeOptions judge;
  judge.mask_input = options.mask_input;
  judge.cache_bytes = 0;
  Measured measured{{}, first.inputs()};
  for (const OutputMetrics& output : runtime::Judge(first, samples, judge).judge(second, progress).outputs)
    measured.values.emplace(output.name, output);
  return measured;
}

// Names of weights by the outputs of their layers: a changed graph may call its weights otherwise.
std::map<std::string, std::string> names_by_output(const model::Model& model) {
  std::map<std::string, std::string> names;
  for (const model::Tap& tap : model::taps_of(model))
    names.emplace(tap.output, model.weights()[tap.weight].name);
  return names;
}

LayerQuality quality_of(const model::Tap& tap, const model::Weight& weight, const OutputMetrics& metrics) {
  LayerQuality layer;
  layer.name = weight.name;
  layer.role = model::role_name(weight.role);
  layer.node = tap.node;
  layer.op = tap.op;
  layer.output = tap.output;
  layer.activation_quality = metrics.cosine_mean;
  layer.cosine_min = metrics.cosine_min;
  layer.relative_error = metrics.relative_error;
  return layer;
}

std::uint64_t uses_of_layers(const model::Model& model) {
  std::uint64_t uses = 0;
  for (const model::Weight& weight : model.weights())
    if (model::is_layer_role(weight.role)) uses += weight.nodes.size();
  return uses;
}

}  // namespace

std::optional<double> LayerQuality::added_error() const {
  if (!input_error) return {};
  return std::sqrt(std::max(0.0, relative_error * relative_error - *input_error * *input_error));
}

const LayerQuality* LayerQualities::first_below(double quality) const {
  const auto found = std::find_if(layers.begin(), layers.end(), [&](const LayerQuality& layer) {
    return !(layer.activation_quality >= quality);  // NaN too
  });
  return found == layers.end() ? nullptr : &*found;
}

const LayerQuality* LayerQualities::most_added() const {
  const LayerQuality* most = nullptr;
  for (const LayerQuality& layer : layers)
    if (layer.added_error().value_or(0) > (most ? *most->added_error() : 0)) most = &layer;
  return most;
}

LayerQualities layer_qualities(const model::Model& original, const model::Model& candidate,
                               const runtime::Samples& samples, const LayerQualityOptions& options,
                               base::Progress& progress) {
  const std::vector<model::Tap> taps = model::taps_of(candidate);
  const Measured measured =
      measure(original, candidate, shared_values(original, candidate, taps), samples, options, progress);
  const std::map<std::string, std::string> names = names_by_output(original);
  LayerQualities found;
  for (const model::Tap& tap : taps) {
    const auto output = measured.values.find(tap.output);
    if (output == measured.values.end()) continue;
    LayerQuality layer = quality_of(tap, candidate.weights()[tap.weight], output->second);
    if (const auto name = names.find(tap.output); name != names.end()) layer.name = name->second;
    layer.input_error = measured.error_of(tap.input);
    found.layers.push_back(std::move(layer));
  }
  found.unseen = uses_of_layers(candidate) - found.layers.size();
  return found;
}

}  // namespace tt::pipeline
