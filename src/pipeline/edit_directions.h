// Where the directions of an edit come from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/calibration.h"
#include "tensor/projection.h"
#include "tensor/weight_data.h"

namespace tt::pipeline {

enum class Side : std::uint8_t { input, output };

// A weight as its layer sees it: outputs x inputs, stored the other way round if `turned`.
struct SeenWeight {
  tensor::WeightLayout layout;
  bool turned = false;

  bool is_vector() const { return layout.rows == 1 || layout.cols == 1; }
  // Of the matrix view. A vector has its outputs along its longer axis.
  unsigned axis(Side side) const {
    if (is_vector()) return layout.rows == 1 ? 1 : 0;
    return (side == Side::input) != turned ? 1 : 0;
  }
  std::uint64_t length(Side side) const { return axis(side) == 1 ? layout.cols : layout.rows; }
};

struct Vectors {
  std::uint64_t count = 0, length = 0;
  std::vector<double> values;  // count x length
};

// The N of "pattern:N"; nothing if the text is something else. Errors: usage if N is no pattern of a matrix
// (1 to kComponents of pipeline/patterns.h).
std::optional<std::uint64_t> pattern_number(const std::string& text);

// A file with one array: a vector, or a matrix with a vector a row. Errors: not_found; bad_data: several
// arrays, other shapes, no values; resource_limit.
Vectors read_vectors(const std::string& path);

// The unit vector of pattern `number` (as tt analyze counts them) on one side. Errors: bad_data if the weight
// has fewer, or is too large to be decomposed.
Vectors pattern_vector(const tensor::WeightData& weight, const SeenWeight& seen, Side side,
                       std::uint64_t number);

// Mean input of the layer of weight `index` (of the calibrated model) on the positive samples less that on
// the negative ones; on the side of the outputs, what the weight makes of it (a bias cancels). Errors:
// bad_data where the means are not known.
Vectors mean_difference(const runtime::Calibration& positive, const runtime::Calibration& negative,
                        std::size_t index, const tensor::WeightData& weight, const SeenWeight& seen,
                        Side side);

}  // namespace tt::pipeline
