#include "tensor/mode_shapes.h"

#include <algorithm>
#include <cstddef>

namespace tt::tensor {
namespace {

constexpr std::size_t kMaxModes = 8;
constexpr std::uint64_t kSmallMode = 8;

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
    for (const std::uint64_t factor : even_factors(side, count))
      if (factor > 1) modes.push_back(factor);
  }
  if (modes.empty()) modes.push_back(1);
  return modes;
}

}  // namespace tt::tensor
