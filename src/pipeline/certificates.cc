#include "pipeline/certificates.h"

#include <algorithm>

#include "base/memory.h"
#include "base/parallel.h"
#include "codec/quant.h"
#include "pipeline/report.h"
#include "tensor/gaussian_bound.h"

namespace tt::pipeline {
namespace {

// The payload and the values are given up on the way: what is held here is what the memory of the whole run
// is measured by.
Certificate certificate_of(tensor::WeightData data, const container::EncodedWeight& weight,
                           const WeightMetrics& metrics, std::size_t index, bool bounds) {
  Certificate certificate;
  const codec::Encoding& encoding = weight.entry.encoding;
  if (is_exact(encoding.format)) return certificate;
  const std::shared_ptr<const tensor::Metric> metric = metrics.metric(index);
  certificate.output_error = weight.entry.measured_error;
  if (metric)
    certificate.output_error = codec::output_error(data, encoding, codec::MemoryCores(weight.cores), *metric);
  if (!bounds) return certificate;
  const tensor::WeightLayout layout = data.layout;
  if (const auto known = metric_spectrum(std::move(data), metrics, index))
    add_bounds(*known, layout, certificate);
  return certificate;
}

}  // namespace

std::optional<MetricSpectrum> metric_spectrum(tensor::WeightData data, const WeightMetrics& metrics,
                                              std::size_t weight) {
  const std::uint64_t side = std::min(data.layout.rows, data.layout.cols);
  if (side < 2 || side > kMaxBoundSide) return std::nullopt;
  const std::shared_ptr<const tensor::SicPlan> known = metrics.sic(weight);
  const tensor::SicPlan plan = known ? *known : tensor::SicPlan(codec::identity_metric(data.layout));
  std::vector<float> values = data.values();
  base::release(data.payload);
  tensor::SicWeight ready(plan, {values, data.layout.rows, data.layout.cols});
  base::release(values);
  const std::uint64_t outputs = ready.outputs();
  return MetricSpectrum{std::move(ready).spectrum(), outputs};
}

void add_bounds(const MetricSpectrum& known, const tensor::WeightLayout& layout, Certificate& certificate) {
  certificate.bound_bits =
      tensor::gaussian_bound(known.spectrum, known.outputs, layout.elements(), certificate.output_error);
  certificate.low_rank = known.spectrum.rank_for(certificate.output_error);
  certificate.low_rank_bytes = *certificate.low_rank * (layout.rows + layout.cols) * 2;
}

std::vector<Certificate> certify(const model::Model& model, const WeightMetrics& metrics,
                                 const std::vector<const container::EncodedWeight*>& weights, bool bounds,
                                 unsigned threads) {
  std::vector<Certificate> certificates(weights.size());
  base::parallel_for(weights.size(), threads, [&](std::size_t i) {
    certificates[i] = certificate_of(model.read(model.weights()[i]), *weights[i], metrics, i, bounds);
  });
  return certificates;
}

}  // namespace tt::pipeline
