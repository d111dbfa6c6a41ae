// Sums one layer's input: block by block of samples, so that the sum does not depend on how the samples come.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/binned_sum.h"
#include "runtime/input_rows.h"

namespace tt::runtime {

// The sum of a statistic: Grams as the upper triangle of [G s; s^T n] with G = sum x x^T, s = sum x and n the
// number of rows (size + 1 axes), counts and energies as a vector.
BinnedSum::Form sum_form(InputKind kind);
std::uint64_t sum_size(InputKind kind, std::uint64_t size);

class InputSum {
 public:
  // Continues `sum`, which has `rows` rows.
  InputSum(const LayerInput& input, BinnedSum sum, std::uint64_t rows);

  // A part of the current block, in order.
  void add(const Array& array, const RowOptions& options);
  // Adds the block to the sum. Errors: bad_data naming the layer if a value was not finite; `where` says which
  // samples.
  void end_block(const std::string& where);

  BinnedSum take_sum() { return std::move(sum_); }
  void put_sum(BinnedSum sum) { sum_ = std::move(sum); }
  std::uint64_t rows() const { return rows_; }

 private:
  void add_gram(const std::vector<float>& rows);
  void flush();
  void add_energies(const std::vector<float>& rows);
  std::vector<double> packed(std::vector<std::int16_t>& exponents) const;

  const LayerInput& input_;
  BinnedSum sum_;
  std::uint64_t rows_ = 0, block_rows_ = 0;
  std::vector<double> block_;  // size x size, upper triangle; or size
  std::vector<double> means_;  // sums of the rows
  std::vector<float> pending_;  // rows that are not in block_ yet
};

}  // namespace tt::runtime
