// How much an error in a weight matters to its layer's output: ||(W - W^) x||^2 summed over the inputs x
// seen.
//
// For a matrix view W (m x n) with the layer's input along `axis` (1: y = W x, the columns meet the input; 0:
// the matrix is stored in x out, or a table of which rows are looked up), the error of W^ is
//   D = tr(E C E^T) / samples, E = W - W^ (transposed for axis 0), C = sum_t x_t x_t^T.
// Without calibration C is the identity; a table's C is diagonal (how often each row was looked up).
#pragma once

#include <cstdint>
#include <vector>

namespace tt::tensor {

struct Metric {
  enum class Kind : std::uint8_t { identity, diagonal, full };
  Kind kind = Kind::identity;
  unsigned axis = 1;           // of the matrix view: 0 rows, 1 columns
  std::uint64_t size = 0;      // length of that axis
  double samples = 0;          // number of inputs that were summed
  std::vector<double> values;  // identity: empty; diagonal: size; full: size x size, symmetric
};

}  // namespace tt::tensor
