#include "pipeline/quantised_form.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "codec/blockquant.h"
#include "pipeline/restore.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;

bool is_blockquant(const container::WeightEntry& entry) {
  return entry.encoding.format == codec::Format::blockquant;
}

struct BlockCodes {
  std::vector<std::int8_t> codes;
  std::vector<float> scales;
};

BlockCodes read_codes(const container::Container& container, std::size_t index) {
  BlockCodes read;
  read_weight(container, index, [&](const container::WeightEntry& entry, const codec::CoreReader& cores) {
    read.codes.reserve(entry.layout.elements());
    codec::read_blockquant(
        entry.layout, entry.encoding, cores,
        [&](std::vector<float> scales) { read.scales = std::move(scales); },
        [&](std::uint64_t, std::span<const std::int32_t> row) {
          for (const std::int32_t code : row) read.codes.push_back(static_cast<std::int8_t>(code));
        });
  });
  return read;
}

}  // namespace

QuantisedForm::QuantisedForm(const container::Container& container, const std::string& output, bool external,
                             unsigned threads)
    : container_(container) {
  const container::Manifest& manifest = container.manifest();
  require_graph(container, "quantized");
  if (std::none_of(manifest.weights.begin(), manifest.weights.end(), is_blockquant)) return;
  graph_.emplace(container, threads);
  quantised_ = model::quantised(graph_->model(), shapes(), weights_location(container, output, external));
  describe();
}

std::vector<model::BlockShape> QuantisedForm::shapes() const {
  std::vector<model::BlockShape> shapes(graph_->model().weights().size());
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    if (graph_->stored(i) == RebuiltGraph::kLiteral) continue;
    const container::WeightEntry& entry = container_.manifest().weights[graph_->stored(i)];
    const tensor::WeightLayout& layout = graph_->model().weights()[i].layout;
    if (is_blockquant(entry) && entry.layout.rows == layout.rows && entry.layout.cols == layout.cols)
      shapes[i] = {entry.encoding.bits, entry.encoding.group, entry.encoding.axis};
  }
  return shapes;
}

void QuantisedForm::describe() {
  for (const model::QuantisedFate& fate : quantised_.fates) {
    QuantisedWeight weight;
    weight.name = graph_->model().weights()[fate.weight].name;
    weight.encoding = container_.manifest().weights[graph_->stored(fate.weight)].encoding;
    weight.quantised = fate.quantised;
    weight.why = fate.why, weight.op = fate.op;
    weight.bytes_dense = fate.bytes_dense, weight.bytes_quantised = fate.bytes_quantised;
    report_.quantised += weight.quantised ? 1 : 0;
    report_.bytes_dense += weight.bytes_dense, report_.bytes_quantised += weight.bytes_quantised;
    report_.weights.push_back(std::move(weight));
  }
  report_.dropped_inputs = quantised_.dropped_inputs;
}

void QuantisedForm::write(std::vector<base::OutputFile>& outs, unsigned threads,
                          base::Progress& progress) const {
  std::vector<std::uint64_t> sizes;
  for (const model::QuantisedLayer& layer : quantised_.layers) {
    sizes.push_back(layer.codes.bytes);
    sizes.push_back(layer.scales.bytes);
  }
  graph_->write(
      quantised_.skeleton, sizes,
      [&](std::size_t index, const model::Placement& placement) { write_layer(index, placement, outs); },
      outs, threads, progress);
}

void QuantisedForm::write_layer(std::size_t index, const model::Placement& placement,
                                std::vector<base::OutputFile>& outs) const {
  const model::QuantisedLayer& layer = quantised_.layers[index];
  const BlockCodes read = read_codes(container_, graph_->stored(layer.weight));
  graph_->put(layer.codes.name, model::packed_codes(layer, read.codes), 2 * index, placement, outs);
  graph_->put(layer.scales.name, model::packed_scales(layer, read.scales), 2 * index + 1, placement, outs);
}

}  // namespace tt::pipeline
