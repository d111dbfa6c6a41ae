#include "pipeline/factored_form.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/parallel.h"
#include "base/text.h"
#include "codec/factors.h"
#include "pipeline/restore.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;

tensor::LowRank read_factors(const container::Container& container, std::size_t index) {
  tensor::LowRank factors;
  read_weight(container, index, [&](const container::WeightEntry& entry, const codec::CoreReader& cores) {
    factors = codec::factors_of(entry.layout, entry.encoding, cores).value();
  });
  return factors;
}

base::Bytes payload_of(const std::vector<float>& values, std::uint64_t rows, std::uint64_t cols,
                       bool transposed, tensor::DType dtype) {
  base::Bytes payload(values.size() * tensor::element_size(dtype));
  if (!transposed) {
    tensor::from_float(dtype, values, payload);
    return payload;
  }
  std::vector<float> turned(values.size());
  for (std::uint64_t i = 0; i < rows; ++i)
    for (std::uint64_t j = 0; j < cols; ++j) turned[j * rows + i] = values[i * cols + j];
  tensor::from_float(dtype, turned, payload);
  return payload;
}

bool fits_half(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float value) {
    return !std::isfinite(value) || std::isfinite(tensor::half_to_float(tensor::float_to_half(value)));
  });
}

}  // namespace

FactoredForm::FactoredForm(const container::Container& container, const std::string& output, bool external,
                           unsigned threads)
    : container_(container) {
  const container::Manifest& manifest = container.manifest();
  require_graph(container, "factored");
  if (std::none_of(manifest.weights.begin(), manifest.weights.end(), [](const container::WeightEntry& entry) {
        return codec::stores_factors(entry.encoding.format);
      }))
    return;
  graph_.emplace(container, threads);
  factored_ =
      model::factored(graph_->model(), shapes(threads), weights_location(container, output, external));
  describe();
}

std::vector<model::FactorShape> FactoredForm::shapes(unsigned threads) {
  std::vector<model::FactorShape> shapes(graph_->model().weights().size());
  unfit_.resize(graph_->model().weights().size());
  base::parallel_for(graph_->model().weights().size(), threads, [&](std::size_t i) {
    if (graph_->stored(i) == RebuiltGraph::kLiteral) return;
    const container::WeightEntry& entry = container_.manifest().weights[graph_->stored(i)];
    if (!codec::stores_factors(entry.encoding.format)) return;
    const std::optional<std::uint64_t> rank =
        codec::factor_rank(entry.layout, entry.encoding, *container_.cores(graph_->stored(i)));
    if (!rank || *rank == 0) {
      unfit_[i] = rank ? "its rank is 0" : "its tensor train has no rank between its rows and columns";
      return;
    }
    if (entry.layout.dtype == tensor::DType::f16) {
      const tensor::LowRank factors = read_factors(container_, graph_->stored(i));
      if (!fits_half(factors.left) || !fits_half(factors.right)) {
        unfit_[i] = "its factors are above the range of float16";
        return;
      }
    }
    shapes[i] = {entry.layout.rows, entry.layout.cols, *rank};
  });
  return shapes;
}

void FactoredForm::describe() {
  std::map<std::size_t, const model::FactorFate*> fates;
  for (const model::FactorFate& fate : factored_.fates) fates.emplace(fate.weight, &fate);
  for (std::size_t i = 0; i < graph_->model().weights().size(); ++i) {
    const auto found = fates.find(i);
    if (found == fates.end() && unfit_[i].empty()) continue;
    FactoredWeight weight;
    weight.name = graph_->model().weights()[i].name;
    weight.encoding = container_.manifest().weights[graph_->stored(i)].encoding;
    weight.why = unfit_[i];
    if (found != fates.end()) {
      const model::FactorFate& fate = *found->second;
      weight.factored = fate.factored;
      weight.why = fate.why, weight.node = fate.node, weight.op = fate.op;
      weight.rank = fate.rank;
      weight.macs_dense = fate.macs_dense, weight.macs_factored = fate.macs_factored;
      weight.bytes_dense = fate.bytes_dense, weight.bytes_factored = fate.bytes_factored;
    }
    report_.factored += weight.factored ? 1 : 0;
    report_.macs_dense += weight.macs_dense, report_.macs_factored += weight.macs_factored;
    report_.bytes_dense += weight.bytes_dense, report_.bytes_factored += weight.bytes_factored;
    report_.weights.push_back(std::move(weight));
  }
  report_.dropped_inputs = factored_.dropped_inputs;
}

void FactoredForm::write(std::vector<base::OutputFile>& outs, unsigned threads,
                         base::Progress& progress) const {
  std::vector<std::uint64_t> sizes;
  for (const model::Factor& factor : factored_.factors) sizes.push_back(factor.bytes);
  graph_->write(
      factored_.skeleton, sizes,
      [&](std::size_t pair, const model::Placement& placement) { write_factors(pair, placement, outs); },
      outs, threads, progress);
}

void FactoredForm::write_factors(std::size_t pair, const model::Placement& placement,
                                 std::vector<base::OutputFile>& outs) const {
  const model::Factor& left = factored_.factors[2 * pair];
  const model::Factor& right = factored_.factors[2 * pair + 1];
  const tensor::LowRank factors = read_factors(container_, graph_->stored(left.weight));
  const tensor::DType dtype = graph_->model().weights()[left.weight].layout.dtype;
  const auto put = [&](std::size_t index, const base::Bytes& payload) {
    graph_->put(factored_.factors[index].name, payload, index, placement, outs);
  };
  put(2 * pair, payload_of(factors.left, factors.rows, factors.rank, left.transposed, dtype));
  put(2 * pair + 1, payload_of(factors.right, factors.rank, factors.cols, right.transposed, dtype));
}

}  // namespace tt::pipeline
