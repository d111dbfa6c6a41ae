#include "runtime/binned_sum.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

#include "base/error.h"

namespace tt::runtime {
namespace {

constexpr int kWidth = 40;                                  // bits of a bin
constexpr int kShift = 2 * -kLeastExponent + kWidth;        // makes sums of exponents positive
constexpr int kBins = (2 * kMostExponent + kShift) / kWidth + 1;

// Number of the bin of an entry with the bound 2^s; its unit is 2^(kWidth * number - kShift).
int bin_of(int s) {
  static_assert(kShift % kWidth == 0);
  return (s - 1 + kShift) / kWidth;
}

struct Units {
  std::array<double, kBins + 1> unit{};
  Units() {
    for (int i = 0; i <= kBins; ++i) unit[static_cast<std::size_t>(i)] = std::ldexp(1.0, kWidth * i - kShift);
  }
  double operator[](int bin) const { return unit[static_cast<std::size_t>(bin)]; }
};
const Units kUnits;

struct Cut {
  double hi, lo;
};
Cut cut(double value, double unit) {
  const double hi = std::trunc(value / unit) * unit;
  const double small = unit * 0x1p-40;
  return {hi, std::trunc((value - hi) / small) * small};
}

}  // namespace

std::uint64_t BinnedSum::entries(Form form, std::uint64_t size) {
  return form == Form::vector ? size : size * (size + 1) / 2;
}

double BinnedSum::unit(int f, int g) {
  return kUnits[bin_of(f + g)];
}

std::int16_t BinnedSum::exponent_of(double value) {
  if (!(value > 0)) return kLeastExponent;
  const int bits = std::ilogb(value * (1 + 0x1p-20)) + 1;  // value < 2^bits
  const int half = bits >= 0 ? (bits + 1) / 2 : -(-bits / 2);
  return static_cast<std::int16_t>(std::clamp(half, kLeastExponent, kMostExponent));
}

BinnedSum::BinnedSum(Form form, std::uint64_t size)
    : form_(form),
      exponents_(size, static_cast<std::int16_t>(kLeastExponent)),
      hi_(entries(form, size)),
      lo_(hi_.size()) {}

BinnedSum::BinnedSum(Form form, std::vector<std::int16_t> exponents, std::vector<double> hi,
                     std::vector<double> lo, std::uint64_t blocks)
    : form_(form),
      blocks_(blocks),
      exponents_(std::move(exponents)),
      hi_(std::move(hi)),
      lo_(std::move(lo)) {
  assert(hi_.size() == entries(form_, exponents_.size()) && lo_.size() == hi_.size());
}

// Calls f(entry, i, j) for every entry in order.
template <typename F>
void BinnedSum::each(F&& f) {
  const std::size_t n = exponents_.size();
  std::size_t k = 0;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = i; j < (form_ == Form::vector ? i + 1 : n); ++j) f(k++, i, j);
}

void BinnedSum::raise(std::span<const std::int16_t> exponents) {
  assert(exponents.size() == exponents_.size());
  const std::vector<std::int16_t> old = exponents_;
  for (std::size_t i = 0; i < old.size(); ++i) exponents_[i] = std::max(old[i], exponents[i]);
  if (old == exponents_) return;
  each([&](std::size_t k, std::size_t i, std::size_t j) {
    const int steps = bin_of(exponents_[i] + exponents_[j]) - bin_of(old[i] + old[j]);
    if (steps == 0) return;
    lo_[k] = steps == 1 ? hi_[k] : 0.0;
    hi_[k] = 0.0;
  });
}

void BinnedSum::count(std::uint64_t blocks) {
  blocks_ += blocks;
  if (blocks_ > kMaxSummedBlocks)
    throw base::Error(base::ErrorKind::resource_limit,
                      "more than " + std::to_string(kMaxSummedBlocks) +
                          " blocks of samples cannot be summed exactly",
                      "use fewer samples: some thousand are plenty");
}

void BinnedSum::add(std::span<const double> values, std::span<const std::int16_t> exponents) {
  assert(values.size() == hi_.size());
  count(1);
  raise(exponents);
  each([&](std::size_t k, std::size_t i, std::size_t j) {
    const Cut parts = cut(values[k], kUnits[bin_of(exponents_[i] + exponents_[j])]);
    hi_[k] += parts.hi;
    lo_[k] += parts.lo;
  });
}

void BinnedSum::add(const BinnedSum& other) {
  assert(other.form_ == form_ && other.size() == size());
  count(other.blocks_);
  raise(other.exponents_);
  BinnedSum raised = other;
  raised.raise(exponents_);
  for (std::size_t k = 0; k < hi_.size(); ++k) {
    hi_[k] += raised.hi_[k];
    lo_[k] += raised.lo_[k];
  }
}

std::vector<double> BinnedSum::totals() const {
  std::vector<double> result(hi_.size());
  for (std::size_t k = 0; k < hi_.size(); ++k) result[k] = hi_[k] + lo_[k];
  return result;
}

}  // namespace tt::runtime
