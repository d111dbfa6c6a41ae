#include "pipeline/layer_quality.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/text.h"
#include "model/taps.h"
#include "pipeline/layer_values.h"
#include "runtime/macs.h"

namespace tt::pipeline {
namespace {

using Names = std::vector<std::string>;

// What goes in and comes out of the layers, of those values that nodes of both models give.
Names shared_values(const model::Model& original, const model::Model& candidate,
                    const std::vector<model::Tap>& taps) {
  std::set<std::string> values;
  for (const model::Tap& tap : taps) values.insert({tap.input, tap.output});
  values.erase("");
  return model::given_values(original, model::given_values(candidate, {values.begin(), values.end()}));
}

ValueErrors measure(const model::Model& original, const model::Model& candidate, const Names& values,
                    const runtime::Samples& samples, const LayerQualityOptions& options,
                    base::Progress& progress) {
  const auto open = [&](const model::Model& model) {
    return runtime::Session::open(runtime::tapped_model(model, values), options.session);
  };
  return compare_values(open(original), open(candidate), samples, options.mask_input, progress);
}

// Names of weights by the outputs of their layers: a changed graph may call its weights otherwise.
std::map<std::string, std::string> names_by_output(const model::Model& model) {
  std::map<std::string, std::string> names;
  for (const model::Tap& tap : model::taps_of(model))
    names.emplace(tap.output, model.weights()[tap.weight].name);
  return names;
}

LayerQuality quality_of(const model::Tap& tap, const std::string& name, model::Role role,
                        const ValueErrors& errors) {
  const runtime::OutputMetrics& metrics = errors.compared.at(tap.output);
  LayerQuality layer;
  layer.name = name;
  layer.role = model::role_name(role);
  layer.node = tap.node;
  layer.op = tap.op;
  layer.output = tap.output;
  layer.activation_quality = metrics.cosine_mean;
  layer.cosine_min = metrics.cosine_min;
  layer.relative_error = metrics.relative_error;
  layer.input_error = errors.error_of(tap.input);
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
  LayerQualities found;
  const std::vector<model::Tap> taps = model::taps_of(candidate);
  found.unseen = std::max<std::uint64_t>(uses_of_layers(candidate), taps.size());
  const Names values = shared_values(original, candidate, taps);
  if (values.empty()) return found;
  const ValueErrors errors = measure(original, candidate, values, samples, options, progress);
  const std::map<std::string, std::string> names = names_by_output(original);
  for (const model::Tap& tap : taps) {
    const auto named = names.find(tap.output);
    const std::string& name = named != names.end() ? named->second : candidate.weights()[tap.weight].name;
    if (const auto why = errors.left_out.find(tap.output); why != errors.left_out.end())
      found.notes.push_back("layer " + base::quoted(name) + " is not compared, " + why->second);
    if (errors.compared.contains(tap.output))
      found.layers.push_back(quality_of(tap, name, candidate.weights()[tap.weight].role, errors));
  }
  found.unseen -= found.layers.size();
  return found;
}

}  // namespace tt::pipeline
