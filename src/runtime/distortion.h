// Errors in a weight as its metric sees them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "tensor/metric.h"
#include "tensor/weight_data.h"

namespace tt::runtime {

// tr(E C E^T) / samples (tensor/metric.h), of the matrix view `rows` x `cols`; C = I: ||E||_F^2.
double metric_error(const tensor::Metric& metric, std::span<const float> error, std::uint64_t rows,
                    std::uint64_t cols);

// W + E as a payload of its own type, E uniform noise from `seed` with about D(E) = relative^2 D(W); `error` is
// D(E) of what the payload holds. Nothing if W or D(W) is zero or not finite.
struct Distorted {
  base::Bytes payload;
  double error = 0;
};
std::optional<Distorted> distort(tensor::WeightData weight, const tensor::Metric& metric, double relative,
                                 std::uint64_t seed);

}  // namespace tt::runtime
