#include "pipeline/weight_analysis.h"

#include <algorithm>

#include "base/memory.h"
#include "pipeline/certificates.h"
#include "tensor/effective_rank.h"
#include "tensor/tensor_train.h"

namespace tt::pipeline {
namespace {

WeightAnalysis description_of(const model::Weight& weight, bool turned) {
  WeightAnalysis analysis;
  analysis.name = weight.name;
  analysis.role = model::role_name(weight.role);
  analysis.dtype = tensor::dtype_name(weight.layout.dtype);
  analysis.shape = weight.layout.shape;
  analysis.nodes = weight.nodes;
  analysis.elements = weight.layout.elements();
  analysis.bytes = weight.layout.payload_size();
  analysis.outputs = turned ? weight.layout.cols : weight.layout.rows;
  analysis.inputs = turned ? weight.layout.rows : weight.layout.cols;
  return analysis;
}

void describe_spectrum(tensor::Components& components, WeightAnalysis& analysis) {
  analysis.spectrum = components.spectrum;
  analysis.stable_rank = tensor::stable_rank(analysis.spectrum);
  analysis.effective_rank = tensor::effective_rank(analysis.spectrum);
  for (std::size_t i = 0; i < kEnergyShares.size(); ++i)
    analysis.energy_ranks[i] = tensor::energy_rank(analysis.spectrum, kEnergyShares[i]);
  analysis.random = tensor::looks_random(analysis.spectrum, analysis.outputs, analysis.inputs);
}

bool is_kernel(const model::Weight& weight) {
  return (weight.role == model::Role::conv || weight.role == model::Role::depthwise) &&
         weight.layout.shape.size() > 2;
}

std::string tap_name(std::size_t axis, std::size_t axes) {
  static const char* const kNames[] = {"tap planes", "tap rows", "tap columns"};
  const std::size_t taps = axes - 2;
  return taps <= 3 ? kNames[3 - taps + axis - 2] : "taps " + std::to_string(axis - 1);
}

// A kernel has its own axes; the sides of a matrix are split.
void choose_modes(const model::Weight& weight, bool turned, WeightAnalysis& analysis) {
  const tensor::Shape& shape = weight.layout.shape;
  if (is_kernel(weight)) {
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      analysis.modes.push_back(shape[axis]);
      analysis.mode_names.push_back(axis > 1                ? tap_name(axis, shape.size())
                                    : (axis == 0) != turned ? "outputs"
                                                            : "inputs");
    }
    return;
  }
  analysis.modes = tensor::balanced_modes(weight.layout.rows, weight.layout.cols);
  std::uint64_t rows = 1;
  for (const std::uint64_t mode : analysis.modes) {
    const bool of_rows = rows < weight.layout.rows;
    rows *= mode;
    analysis.mode_names.push_back(of_rows != turned ? "outputs" : "inputs");
  }
}

void add_patterns(const tensor::Components& components, const AxisLabels& labels, WeightAnalysis& analysis) {
  analysis.patterns = component_patterns(components, analysis.outputs, analysis.inputs, labels);
  // Two modes are the matrix itself.
  if (analysis.profiles.size() <= 2) return;
  for (DominantPattern& pattern : mode_patterns(analysis.profiles, analysis.mode_names, labels))
    analysis.patterns.push_back(std::move(pattern));
}

// Axes that are the layer's outputs and inputs first; then the tensor.
tensor::Components decompose(std::vector<float> values, const model::Weight& weight, bool turned,
                             const AxisLabels& labels, WeightAnalysis& analysis) {
  choose_modes(weight, turned, analysis);
  analysis.profiles = tensor::mode_profiles(values, analysis.modes);
  if (turned) values = tensor::transposed(values, weight.layout.rows, weight.layout.cols);
  tensor::Components components =
      tensor::components_of({values, analysis.outputs, analysis.inputs}, kDirections);
  describe_spectrum(components, analysis);
  add_patterns(components, labels, analysis);
  return components;
}

// Of the curve, in ascending bytes and descending loss: the first that is good enough.
const plan::Candidate& cheapest_within(const plan::Curve& curve, double error) {
  const double loss = plan::retention_loss(error * error);
  const auto found =
      std::find_if(curve.begin(), curve.end(), [&](const auto& candidate) { return candidate.loss <= loss; });
  return found == curve.end() ? curve.back() : *found;
}

void add_costs(const AnalysisContext& context, std::size_t index, const plan::Curve& curve,
               tensor::WeightData data, WeightAnalysis& analysis) {
  const tensor::WeightLayout layout = data.layout;
  const std::optional<MetricSpectrum> known =
      analysis.note.empty() ? metric_spectrum(std::move(data), context.metrics, index) : std::nullopt;
  for (const double error : context.errors) {
    const plan::Candidate& candidate = cheapest_within(curve, error);
    Certificate bounds{.output_error = error, .bound_bits = {}, .low_rank_bytes = {}, .low_rank = {}};
    if (known) add_bounds(*known, layout, bounds);
    analysis.costs.push_back({error, candidate.encoding, candidate.bytes, bounds.bound_bits,
                              bounds.low_rank_bytes, bounds.low_rank});
  }
}

void add_calibration(const WeightMetrics& metrics, std::size_t index, WeightAnalysis& analysis) {
  analysis.measured = metrics.metric(index) != nullptr;
  analysis.sensitivity = metrics.sensitivity(index);
  const runtime::InputInfo* const input = metrics.input(index);
  if (input == nullptr) return;
  analysis.input_size = input->size;
  if (input->effective_rank > 0) analysis.input_effective_rank = input->effective_rank;
}

std::string obstacle(tensor::ValueRange range) {
  if (range == tensor::ValueRange::not_finite) return "has values that are not finite";
  return range == tensor::ValueRange::float64 ? "has values beyond the range of float32" : "";
}

}  // namespace

bool is_stored_in_by_out(const model::Weight& weight, unsigned input_axis) {
  if (is_kernel(weight))
    return std::find(weight.op_types.begin(), weight.op_types.end(), "ConvTranspose") !=
           weight.op_types.end();
  return weight.role == model::Role::embedding || input_axis == 0;
}

AnalysedWeight analyse_weight(const AnalysisContext& context, std::size_t index) {
  const model::Weight& weight = context.model.weights()[index];
  plan::PriceOptions options = context.price_options[index];
  const std::shared_ptr<const tensor::Metric> metric = context.metrics.metric(index);
  const bool turned = is_stored_in_by_out(weight, metric ? metric->axis : options.block_axis);
  AnalysedWeight result{description_of(weight, turned), {}, std::nullopt};
  WeightAnalysis& analysis = result.analysis;
  tensor::WeightData data = context.model.read(weight);
  analysis.note = obstacle(tensor::range_of(data.layout.dtype, data.payload));
  std::vector<float> values = data.values();
  analysis.statistics = tensor::statistics_of(values);
  if (analysis.note.empty() && std::min(weight.layout.rows, weight.layout.cols) > 1) {
    std::vector<float> sample = context.compared[index] ? sample_of(values) : std::vector<float>();
    const tensor::Components components =
        decompose(std::move(values), weight, turned, context.labels, analysis);
    if (context.compared[index]) result.sketch = sketch_of(index, std::move(sample), components);
  }
  base::release(values);
  const std::shared_ptr<const tensor::SicPlan> sic = context.metrics.sic(index);
  options.sic = sic.get();
  result.curve = plan::price(data, options);
  add_calibration(context.metrics, index, analysis);
  add_costs(context, index, result.curve, std::move(data), analysis);
  return result;
}

}  // namespace tt::pipeline
