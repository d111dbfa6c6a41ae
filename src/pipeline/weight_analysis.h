// All that `tt analyze` says of one weight by itself.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/model.h"
#include "pipeline/axis_labels.h"
#include "pipeline/patterns.h"
#include "pipeline/similarity.h"
#include "pipeline/weight_metrics.h"
#include "plan/price.h"
#include "tensor/mode_profile.h"
#include "tensor/statistics.h"

namespace tt::pipeline {

inline constexpr std::array<double, 3> kEnergyShares = {0.90, 0.95, 0.99};

// The fewest bytes at a relative error of the layer's output, by the prices of plan/price.h: loss
// (plan/curve.h) of at most -ln(1 - error^2).
struct ErrorCost {
  double error = 0;
  codec::Encoding encoding;
  std::uint64_t bytes = 0;
  // As in a certificate (pipeline/certificates.h), at `error`.
  std::optional<double> bound_bits;
  std::optional<std::uint64_t> low_rank_bytes, low_rank;
};

struct WeightAnalysis {
  std::string name, role, dtype;
  tensor::Shape shape;
  std::vector<std::string> nodes;
  std::uint64_t elements = 0, bytes = 0;
  std::uint64_t outputs = 0, inputs = 0;  // sides of the weight as its layer sees it
  tensor::Statistics statistics;
  std::string note;  // why the rest is missing, or empty

  // Of the outputs x inputs matrix. A vector has none (empty spectrum).
  tensor::Spectrum spectrum;
  double stable_rank = 0, effective_rank = 0;
  std::array<std::uint64_t, kEnergyShares.size()> energy_ranks{};
  bool random = false;  // tensor::looks_random

  // The weight as a tensor: a kernel's own shape, or balanced_modes of a matrix as it is stored. Names say
  // which side a mode is part of: "outputs", "inputs", "tap rows", "tap columns".
  std::vector<std::uint64_t> modes;
  std::vector<std::string> mode_names;
  std::vector<tensor::ModeProfile> profiles;
  std::vector<DominantPattern> patterns;

  std::vector<ErrorCost> costs;                // in the order of the errors asked for
  bool measured = false;                       // in the metric of the layer's input, else C = I
  std::optional<double> input_effective_rank;  // of the Gram matrix of that input
  std::uint64_t input_size = 0;                // features, 0 where nothing is known
  std::optional<double> sensitivity;           // WeightMetrics::sensitivity
};

// What is needed to analyse any weight of one model; everything outlives the call.
struct AnalysisContext {
  const model::Model& model;
  const WeightMetrics& metrics;
  const std::vector<plan::PriceOptions>& price_options;
  const std::vector<double>& errors;  // each in (0, 1)
  const AxisLabels& labels;
  std::vector<bool> compared;  // by weight: whether a sketch is wanted
};

struct AnalysedWeight {
  WeightAnalysis analysis;
  plan::Curve curve;
  std::optional<Sketch> sketch;  // of those to be compared that have a spectrum
};
// Errors: those of model, plan and tensor.
AnalysedWeight analyse_weight(const AnalysisContext& context, std::size_t weight);

// True if the rows of the matrix view are the layer's inputs: of x W (`input_axis` 0), tables, and kernels of
// ConvTranspose, where the columns are outputs and taps.
bool is_stored_in_by_out(const model::Weight& weight, unsigned input_axis);

}  // namespace tt::pipeline
