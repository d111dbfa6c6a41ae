#include "pipeline/report.h"

#include <algorithm>
#include <numeric>

namespace tt::pipeline {
namespace {

// Multiply-adds per input column of a matrix as its factors, never more than dense (it would then run dense).
double factored_work(const WeightReport& weight, double dense) {
  if (weight.encoding.format != codec::Format::lowrank) return dense;
  const double rows = static_cast<double>(weight.shape.empty() ? 1 : weight.shape[0]);
  return std::min(dense, static_cast<double>(weight.encoding.rank) * (rows + dense / rows));
}

}  // namespace

bool is_exact(codec::Format format) {
  return format == codec::Format::raw || format == codec::Format::lossless;
}

WeightReport report_of(const container::WeightEntry& entry) {
  WeightReport report;
  report.name = entry.name;
  report.role = model::role_name(entry.role);
  report.dtype = tensor::dtype_name(entry.layout.dtype);
  report.shape = entry.layout.shape;
  report.encoding = entry.encoding;
  report.bytes_in = entry.layout.payload_size();
  report.bytes_out = std::accumulate(entry.core_sizes.begin(), entry.core_sizes.end(), std::uint64_t{0});
  report.bits_per_weight = 8 * static_cast<double>(report.bytes_out) /
                           static_cast<double>(std::max<std::uint64_t>(1, entry.layout.elements()));
  report.predicted_error = entry.predicted_error;
  report.relative_error = entry.measured_error;
  return report;
}

Stats stats_of(const std::vector<WeightReport>& weights, std::uint64_t original_size,
               std::uint64_t compressed_size) {
  Stats stats;
  stats.original_size = original_size;
  stats.compressed_size = compressed_size;
  double error = 0, dense = 0, factored = 0;
  for (const WeightReport& weight : weights) {
    ++(is_exact(weight.encoding.format) ? stats.preserved_layers : stats.compressed_layers);
    error += weight.relative_error;
    const double work =
        weight.shape.size() < 2 ? 0 : static_cast<double>(tensor::element_count(weight.shape));
    dense += work;
    factored += factored_work(weight, work);
  }
  if (stats.compressed_layers > 0)
    stats.avg_reconstruction_error = error / static_cast<double>(stats.compressed_layers);
  if (factored > 0) stats.estimated_speedup = dense / factored;
  return stats;
}

}  // namespace tt::pipeline
