#include "runtime/input_sum.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "tensor/row_gram.h"

namespace tt::runtime {
namespace {

constexpr std::uint64_t kPendingRows = 512;  // BLAS is slow for fewer

}  // namespace

BinnedSum::Form sum_form(InputKind kind) {
  const bool vector = kind == InputKind::tokens || kind == InputKind::energies;
  return vector ? BinnedSum::Form::vector : BinnedSum::Form::triangle;
}

std::uint64_t sum_size(InputKind kind, std::uint64_t size) {
  return sum_form(kind) == BinnedSum::Form::vector ? size : size + 1;
}

InputSum::InputSum(const LayerInput& input, BinnedSum sum, std::uint64_t rows)
    : input_(input),
      sum_(std::move(sum)),
      rows_(rows),
      block_(input.diagonal() ? input.size : input.size * input.size),
      means_(input.diagonal() ? 0 : input.size) {}

void InputSum::add_gram(const std::vector<float>& rows) {
  const std::uint64_t count = rows.size() / input_.size;
  pending_.insert(pending_.end(), rows.begin(), rows.end());
  if (pending_.size() >= kPendingRows * input_.size) flush();
  for (std::uint64_t row = 0; row < count; ++row)
    for (std::uint64_t i = 0; i < input_.size; ++i)
      means_[i] += static_cast<double>(rows[row * input_.size + i]);
  block_rows_ += count;
}

void InputSum::flush() {
  tensor::add_row_gram(pending_, pending_.size() / input_.size, input_.size, block_);
  pending_.clear();
}

void InputSum::add_energies(const std::vector<float>& rows) {
  const std::uint64_t count = rows.size() / input_.size;
  for (std::uint64_t row = 0; row < count; ++row)
    for (std::uint64_t i = 0; i < input_.size; ++i)
      block_[i] += static_cast<double>(rows[row * input_.size + i]);
  block_rows_ += count;
}

void InputSum::add(const Array& array, const RowOptions& options) {
  if (input_.kind == InputKind::tokens)
    block_rows_ += count_tokens(input_, array, options, block_);
  else if (input_.kind == InputKind::energies)
    add_energies(rows_of(input_, array, options));
  else
    add_gram(rows_of(input_, array, options));
}

// The block as the sum takes it: entries, and the exponent of every axis.
std::vector<double> InputSum::packed(std::vector<std::int16_t>& exponents) const {
  const std::uint64_t n = input_.size;
  if (input_.diagonal()) {
    for (const double value : block_) exponents.push_back(BinnedSum::exponent_of(value));
    return block_;
  }
  std::vector<double> values;
  values.reserve(BinnedSum::entries(BinnedSum::Form::triangle, n + 1));
  for (std::uint64_t i = 0; i < n; ++i) {
    values.insert(values.end(), block_.begin() + static_cast<std::ptrdiff_t>(i * n + i),
                  block_.begin() + static_cast<std::ptrdiff_t>((i + 1) * n));
    values.push_back(means_[i]);
    exponents.push_back(BinnedSum::exponent_of(block_[i * n + i]));
  }
  values.push_back(static_cast<double>(block_rows_));
  exponents.push_back(BinnedSum::exponent_of(static_cast<double>(block_rows_)));
  return values;
}

void InputSum::end_block(const std::string& where) {
  if (!pending_.empty()) flush();
  std::vector<std::int16_t> exponents;
  const std::vector<double> values = packed(exponents);
  if (!std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); }))
    throw base::Error(base::ErrorKind::bad_data,
                      "the input " + base::quoted(input_.value) + " of layer " + base::quoted(input_.layer) +
                          " is not finite, " + where,
                      "look for values that the model was not made for, or overflow of float16");
  sum_.add(values, exponents);
  rows_ += block_rows_;
  block_rows_ = 0;
  std::fill(block_.begin(), block_.end(), 0.0);
  std::fill(means_.begin(), means_.end(), 0.0);
}

}  // namespace tt::runtime
