// How long one run of a model takes.
#pragma once

#include <cstdint>
#include <utility>

#include "runtime/session.h"

namespace tt::runtime {

struct Latency {
  double median_ms = 0, low_ms = 0, high_ms = 0;  // median and the quartiles around it
  std::uint64_t runs = 0;
};

// Three warm-up runs each, then both models in turn (so that a slow moment of the machine hits both), until
// `repeats` runs each or `seconds` are over, at least five. `inputs`: one batch.
std::pair<Latency, Latency> measure_latency(const Session& original, const Session& candidate,
                                            const NamedArrays& inputs, std::uint64_t repeats = 50,
                                            double seconds = 5);

}  // namespace tt::runtime
