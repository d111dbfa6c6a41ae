// How far one output of a compressed model lies from the original's, over all samples.
//
// y: the original's values, y^: the candidate's, in double, n of them over all samples.
//   mse = sum (y - y^)^2 / n, mae = sum |y - y^| / n, max_abs_error = max |y - y^|
//   relative_error = ||y - y^||_F / ||y||_F; 0 if both are zero, infinite if only y is zero
//   pearson: correlation of y and y^, over all values; 1 if they are equal, else 0 if one is constant
//   cosine of a row (the last axis of a sample; the whole sample if that axis is 1): mean and smallest; 1 if
//   both rows are zero, 0 if one is
// Sums are of blocks of fixed size in a fixed order, with the rounding errors carried along, so that neither
// batches nor threads change a figure.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/array.h"

namespace tt::runtime {

struct OutputMetrics {
  std::string name;
  std::uint64_t values = 0;      // compared
  std::uint64_t non_finite = 0;  // of the candidate where the original is finite; every figure is NaN then
  double mse = 0, mae = 0, max_abs_error = 0, relative_error = 0, pearson = 1, cosine_mean = 1,
         cosine_min = 1;
};

class OutputError {
 public:
  explicit OutputError(std::string name);
  OutputError(OutputError&&) noexcept;
  OutputError& operator=(OutputError&&) noexcept;
  ~OutputError();

  // The next samples, in order. `keep`: flags for the first axes (one a sample, one a position ..., each for
  // equally many values in C order), empty = all; where one is 0 nothing counts. Errors: bad_data if the
  // shapes differ, a kept value of the original is not finite, or `keep` has a length that does not fit.
  void add(const Array& original, const Array& candidate, std::span<const std::uint8_t> keep = {});
  // Errors: bad_data if nothing was compared.
  OutputMetrics result() const;

 private:
  struct Sums;
  std::unique_ptr<Sums> sums_;
};

}  // namespace tt::runtime
