// What the reports of several use cases have in common.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "container/container.h"
#include "pipeline/certificates.h"

namespace tt::pipeline {

struct WeightReport {
  std::string name, role, dtype;
  tensor::Shape shape;
  codec::Encoding encoding;
  std::string reason;  // why it was kept exact, or empty
  std::uint64_t bytes_in = 0, bytes_out = 0;
  double bits_per_weight = 0;
  double predicted_error = 0;              // relative error promised while planning
  double relative_error = 0;               // measured by decoding what is stored
  std::optional<Certificate> certificate;  // where the original is at hand
};

// The specification's summary.
struct Stats {
  std::uint64_t original_size = 0, compressed_size = 0;
  std::uint64_t compressed_layers = 0;  // weights whose values changed
  std::uint64_t preserved_layers = 0;   // weights that decode bit for bit
  double avg_reconstruction_error = 0;  // mean relative error of the compressed ones
  double estimated_speedup = 1;         // multiply-adds of all matrices, dense / factored where that is fewer
};

WeightReport report_of(const container::WeightEntry& entry);
Stats stats_of(const std::vector<WeightReport>& weights, std::uint64_t original_size,
               std::uint64_t compressed_size);
// True for encodings that give the weight back bit for bit.
bool is_exact(codec::Format format);

}  // namespace tt::pipeline
