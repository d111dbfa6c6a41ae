// One weight of a container with a direction taken out of it or added to it, encoded as it was.
//
// A factorised weight of which one core holds the side (codec/side_core.h): that core is projected, the
// others keep their bytes. Every other encoding: decoded, projected, encoded again with the same parameters
// (step, rank, bits ...).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "container/container.h"
#include "tensor/metric.h"
#include "tensor/projection.h"

namespace tt::pipeline {

struct WeightEdit {
  std::size_t weight = 0;  // of the container
  unsigned axis = 1;       // of the matrix view, along which the directions lie
  double amount = -1;      // of tensor/projection.h
  tensor::Projection projection;
  std::shared_ptr<const tensor::Metric> metric;  // of the layer's input on the samples to keep; null: none
};

struct EditedWeight {
  container::EncodedWeight encoded;
  std::uint64_t bytes_before = 0, bytes_after = 0;  // of its cores
  double response_before = 0, response_after = 0;   // tensor::response, of what is decoded
  double change = 0;                                // ||W' - W||_F / ||W||_F, of what is decoded
  std::optional<double> output_change;              // the same of the layer's output on the samples to keep
};

// A weight as it is stored. Errors: corrupt.
container::EncodedWeight stored_weight(const container::Container& container, std::size_t weight);

// Errors: corrupt; bad_data, naming the weight: values that are not finite, before or after;
// unsupported: a weight whose bytes must keep their length (model::PayloadForm::varint16); as codec.
EditedWeight edit_weight(const container::Container& container, const WeightEdit& edit);

}  // namespace tt::pipeline
