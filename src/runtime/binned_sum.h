// Sums of many arrays that do not depend on the order or grouping of the additions, so that calibrations of
// parts merge to exactly that of the whole.
//
// Every entry k has a bound 2^s_k (s_k an integer) on all values that were added to it, and a unit u_k = 2^e,
// e = 40 floor((s_k - 1) / 40). A value v is cut into hi = trunc(v / u_k) and lo = trunc((v - hi u_k) / (u_k
// 2^-40)), both below 2^40 in magnitude; the his and los of up to 2^13 arrays are added without rounding. When
// a bound grows so far that the unit changes, hi becomes lo: exactly what cutting by the new unit would have
// given. What is cut off is below 2^-40 of the bound. After Demmel, Nguyen: Parallel Reproducible Summation,
// IEEE Transactions on Computers 64 (2015), algorithm 1 with two bins.
//
// Bounds are kept per axis, as exponents f: an entry (i, j) of a triangle has s = f_i + f_j (Cauchy-Schwarz:
// |G_ij| <= sqrt(G_ii G_jj)), an entry i of a vector s = 2 f_i.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tt::runtime {

inline constexpr std::uint64_t kMaxSummedBlocks = 1 << 13;
inline constexpr int kLeastExponent = -480, kMostExponent = 510;

class BinnedSum {
 public:
  enum class Form : std::uint8_t { vector, triangle };

  BinnedSum() = default;
  BinnedSum(Form form, std::uint64_t size);
  // As stored. Sizes must be those of `form` and `size`.
  BinnedSum(Form form, std::vector<std::int16_t> exponents, std::vector<double> hi, std::vector<double> lo,
            std::uint64_t blocks);

  Form form() const { return form_; }
  std::uint64_t size() const { return exponents_.size(); }
  std::uint64_t blocks() const { return blocks_; }  // arrays that were added
  const std::vector<std::int16_t>& exponents() const { return exponents_; }
  const std::vector<double>& hi() const { return hi_; }  // multiples of unit()
  const std::vector<double>& lo() const { return lo_; }  // multiples of unit() * 2^-40

  // values: size() entries, or the upper triangle packed by rows: (0,0), (0,1), ..., (1,1), ...; finite and
  // within the bounds that `exponents` give. Errors: resource_limit after kMaxSummedBlocks arrays.
  void add(std::span<const double> values, std::span<const std::int16_t> exponents);
  void add(const BinnedSum& other);

  std::vector<double> totals() const;  // hi + lo, rounded once
  // The unit of an entry whose axes have the exponents f and g.
  static double unit(int f, int g);
  // The least f with value <= 2^(2f), with room for rounding; kLeastExponent for 0.
  static std::int16_t exponent_of(double value);
  static std::uint64_t entries(Form form, std::uint64_t size);

 private:
  template <typename F>
  void each(F&& f);
  void raise(std::span<const std::int16_t> exponents);
  void count(std::uint64_t blocks);

  Form form_ = Form::vector;
  std::uint64_t blocks_ = 0;
  std::vector<std::int16_t> exponents_;
  std::vector<double> hi_, lo_;
};

}  // namespace tt::runtime
