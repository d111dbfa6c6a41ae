// From an array in the graph to the rows that a statistic sums.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/array.h"
#include "runtime/layer_input.h"

namespace tt::runtime {

// At most this many rows of one sample are summed: the cost of a Gram matrix is bounded at 2^29
// multiply-adds a sample, but for 128 rows of the widest. Those taken are spread evenly, one at random in each
// stretch.
std::uint64_t row_limit(std::uint64_t size);

struct RowOptions {
  std::uint64_t samples = 1;            // in the run that gave the array
  std::uint64_t first = 0;              // number of its first sample within its block
  std::uint64_t seed = 0;
  std::span<const std::uint8_t> keep;   // of the run's positions, empty = all (--mask-input)
};

// Why `array` cannot be an input of this kind, or empty.
std::string problem_of(const LayerInput& input, const Array& array);

// rows x size, row-major; energies: size values a position; tokens: not for them. Masked positions are left out
// where the array's rows are the mask's positions. Errors: bad_data as problem_of.
std::vector<float> rows_of(const LayerInput& input, const Array& array, const RowOptions& options);

// Adds 1 to counts[i] for every token i that is not masked. Returns their number. Errors: bad_data for a token
// outside the table.
std::uint64_t count_tokens(const LayerInput& input, const Array& array, const RowOptions& options,
                           std::span<double> counts);

}  // namespace tt::runtime
