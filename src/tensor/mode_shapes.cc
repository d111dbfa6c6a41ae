#include "tensor/mode_shapes.h"

#include <algorithm>
#include <cassert>

#include "base/checked.h"
#include "base/error.h"
#include "tensor/dtype.h"
#include "tensor/tensor_train.h"

namespace tt::tensor {
namespace {

constexpr std::uint64_t kBlock = 256;
constexpr std::uint64_t kMaxSide = std::uint64_t{1} << 31;
constexpr std::size_t kMaxModes = 8;
constexpr std::uint64_t kSmallMode = 8;

void append(std::vector<std::uint64_t>& modes, std::initializer_list<std::uint64_t> more) {
  for (const std::uint64_t mode : more) {
    if (mode > 1) modes.push_back(mode);
  }
}

// The larger p of p * q = n with p <= q <= 2 p, 0 if there is none.
std::uint64_t balanced_factor(std::uint64_t n) {
  std::uint64_t p = 1;
  while ((p + 1) * (p + 1) <= n) ++p;
  for (; p > 0 && n <= 2 * p * p; --p) {
    if (n % p == 0) return p;
  }
  return 0;
}

std::uint64_t pad_side(std::uint64_t side, std::vector<std::uint64_t>& modes) {
  if (side == 0 || side > kMaxSide) {
    throw base::Error(base::ErrorKind::bad_data,
                      "cannot pad a matrix, a side of " + std::to_string(side) + " is out of range");
  }
  if (side < 4) {
    append(modes, {side});
    return side;
  }
  std::uint64_t factor = balanced_factor(side);
  while (factor == 0) factor = balanced_factor(++side);
  append(modes, {factor, side / factor});
  return side;
}

std::vector<std::uint64_t> primes_of(std::uint64_t n) {
  std::vector<std::uint64_t> primes;
  for (std::uint64_t p = 2; p <= n / p; ++p)
    for (; n % p == 0; n /= p) primes.push_back(p);
  if (n > 1) primes.push_back(n);
  return primes;
}

// The primes of n, the largest first, each to the smallest of `count` factors.
std::vector<std::uint64_t> even_factors(std::uint64_t n, std::size_t count) {
  const std::vector<std::uint64_t> primes = primes_of(n);
  std::vector<std::uint64_t> factors(count, 1);
  for (auto prime = primes.rbegin(); prime != primes.rend(); ++prime)
    *std::min_element(factors.begin(), factors.end()) *= *prime;
  std::sort(factors.begin(), factors.end());
  return factors;
}

}  // namespace

std::vector<std::uint64_t> small_modes(std::uint64_t rows, std::uint64_t cols) {
  std::vector<std::uint64_t> modes;
  for (const std::uint64_t side : {rows, cols}) {
    std::size_t count = 1;
    while (count < kMaxModes / 2 && even_factors(side, count).back() > kSmallMode) ++count;
    for (const std::uint64_t factor : even_factors(side, count)) append(modes, {factor});
  }
  if (modes.empty()) modes.push_back(1);
  return modes;
}

std::vector<std::uint64_t> blocked_modes(std::uint64_t rows, std::uint64_t cols) {
  std::vector<std::uint64_t> modes;
  for (const std::uint64_t side : {rows, cols}) {
    if (side > 0 && side % kBlock == 0) {
      append(modes, {kBlock, side / kBlock});
    } else {
      for (const std::uint64_t mode : balanced_modes(side, 1)) append(modes, {mode});
    }
  }
  if (modes.empty()) modes.push_back(1);
  return modes;
}

std::vector<std::uint64_t> given_modes(std::uint64_t rows, std::uint64_t cols,
                                       const std::vector<std::uint64_t>& modes) {
  const std::uint64_t elements = base::checked_mul(rows, cols, "number of elements");
  const bool sized =
      !modes.empty() && modes.size() <= kMaxModes && std::find(modes.begin(), modes.end(), 0) == modes.end();
  if (!sized || base::checked_product(modes, "product of modes") != elements) {
    throw base::Error(base::ErrorKind::bad_data,
                      "cannot see a matrix of " + shape_text({rows, cols}) + " as " + shape_text(modes),
                      "1 to 8 modes that multiply to " + std::to_string(elements) + " are possible");
  }
  return modes;
}

PaddedModes padded_modes(std::uint64_t rows, std::uint64_t cols) {
  PaddedModes result;
  result.rows = pad_side(rows, result.modes);
  result.cols = pad_side(cols, result.modes);
  if (result.modes.empty()) result.modes.push_back(1);
  return result;
}

std::vector<float> padded(const MatrixView& a, std::uint64_t rows, std::uint64_t cols) {
  assert(rows >= a.rows && cols >= a.cols);
  std::vector<float> out(base::checked_mul(rows, cols, "size of a padded matrix"));
  for (std::uint64_t i = 0; i < a.rows; ++i)
    std::copy_n(a.values.data() + i * a.cols, a.cols, out.data() + i * cols);
  return out;
}

std::vector<float> cropped(const MatrixView& a, std::uint64_t rows, std::uint64_t cols) {
  assert(rows <= a.rows && cols <= a.cols);
  std::vector<float> out(rows * cols);
  for (std::uint64_t i = 0; i < rows; ++i)
    std::copy_n(a.values.data() + i * a.cols, cols, out.data() + i * cols);
  return out;
}

}  // namespace tt::tensor
