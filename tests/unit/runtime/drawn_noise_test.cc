#include "runtime/drawn_noise.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

namespace tt::runtime {
namespace {

// E (x[i] - x[i + lag])^2 / (2 var) along rows, of many noises: 0 for equal values, 1 for unrelated ones.
double difference_at(std::uint64_t lag) {
  constexpr std::uint64_t kSide = 64, kCount = 40;
  double sum = 0, energy = 0;
  std::uint64_t pairs = 0, values = 0;
  for (std::uint64_t seed = 0; seed < kCount; ++seed) {
    const std::vector<float> noise = drawn_noise(seed, kSide, kSide);
    for (std::uint64_t y = 0; y < kSide; ++y)
      for (std::uint64_t x = 0; x + lag < kSide; ++x, ++pairs) {
        const double d = noise[y * kSide + x] - noise[y * kSide + x + lag];
        sum += d * d;
      }
    energy += std::inner_product(noise.begin(), noise.end(), noise.begin(), 0.0);
    values += noise.size();
  }
  return sum / static_cast<double>(pairs) / (2 * energy / static_cast<double>(values));
}

TEST_CASE("noise has about unit variance and depends on the seed alone") {
  double energy = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed)
    for (const float value : drawn_noise(seed, 48, 80)) energy += static_cast<double>(value) * value;
  CHECK(std::abs(energy / (60 * 48 * 80) - 1) < 0.25);
  CHECK(drawn_noise(3, 20, 30) == drawn_noise(3, 20, 30));
  CHECK(drawn_noise(3, 20, 30) != drawn_noise(4, 20, 30));
  CHECK(drawn_noise(1, 1, 1).size() == 1);
}

// With the same variance in every octave, each doubling of the distance adds about as much difference as the
// one before, as in photographs; white noise would be at 1 from the first step on.
TEST_CASE("neighbours are alike and differences grow with the logarithm of the distance") {
  const double near = difference_at(1), middle = difference_at(4), far = difference_at(16);
  CHECK(near < 0.35);
  CHECK(middle > near + 0.1);
  CHECK(far > middle + 0.1);
  CHECK(far < 1);
}

}  // namespace
}  // namespace tt::runtime
