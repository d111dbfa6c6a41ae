// Cuts samples into runs of a graph and joins the outputs (the rules are in runtime/session.h).
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/engine.h"

namespace tt::runtime {

enum class SampleForm { batched, whole, shared };

// The form of an array of this shape for `info`. Errors: bad_data naming the input, what it needs and what it
// has.
SampleForm form_of(const ValueInfo& info, const tensor::Shape& shape);

// Every input once and nothing else, with its element type. Errors: bad_data.
void check_names(const std::vector<ValueInfo>& inputs, const NamedArrays& arrays);
// The same, and exactly the model's shapes.
void check_exact(const std::vector<ValueInfo>& inputs, const NamedArrays& arrays);

// The arrays of every run of the graph, in order: a whole sample, a group of a fixed batch, or all at once.
// Errors: bad_data as run_samples.
std::vector<NamedArrays> split_runs(const std::vector<ValueInfo>& inputs, const NamedArrays& samples);

NamedArrays run_samples(Engine& engine, const NamedArrays& samples);

}  // namespace tt::runtime
