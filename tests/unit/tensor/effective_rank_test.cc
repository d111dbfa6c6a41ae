#include "tensor/effective_rank.h"

#include <doctest/doctest.h>

#include <vector>

#include "random_values.h"

using namespace tt;

static tensor::Spectrum spectrum_of(std::vector<double> energy, double beyond = 0) {
  tensor::Spectrum spectrum{std::move(energy), beyond, beyond};
  for (const double value : spectrum.energy) spectrum.total += value;
  return spectrum;
}

TEST_CASE("equal singular values: every rank is their number") {
  const tensor::Spectrum s = spectrum_of({4, 4, 4, 4, 4});
  CHECK(tensor::effective_rank(s) == doctest::Approx(5));
  CHECK(tensor::stable_rank(s) == doctest::Approx(5));
  CHECK(tensor::energy_rank(s, 0.8) == 4);
  CHECK(tensor::energy_rank(s, 1) == 5);
}

TEST_CASE("one component has rank one, none has rank zero") {
  CHECK(tensor::effective_rank(spectrum_of({9, 0, 0})) == doctest::Approx(1));
  CHECK(tensor::stable_rank(spectrum_of({9, 0, 0})) == doctest::Approx(1));
  for (const tensor::Spectrum& zero : {spectrum_of({0, 0}), spectrum_of({})}) {
    CHECK(tensor::effective_rank(zero) == 0);
    CHECK(tensor::stable_rank(zero) == 0);
    CHECK(tensor::energy_rank(zero, 0.9) == 0);
  }
}

TEST_CASE("1 <= stable rank <= effective rank of the energies <= rank") {
  const std::vector<float> values = random_values(30 * 50, 3);
  const tensor::Spectrum s = tensor::spectrum({values, 30, 50});
  const double stable = tensor::stable_rank(s), effective = tensor::entropy_rank(s.energy);
  CHECK(1 <= stable);
  CHECK(stable <= effective);
  CHECK(effective <= tensor::effective_rank(s));
  CHECK(tensor::effective_rank(s) <= 30);
}

TEST_CASE("the energy rank is the rank of the matching error") {
  const std::vector<float> values = low_rank_values(40, 60, 5, 0.3f, 1);
  const tensor::Spectrum s = tensor::spectrum({values, 40, 60});
  for (const double share : {0.9, 0.95, 0.99})
    CHECK(tensor::energy_rank(s, share) == s.rank_for(std::sqrt(1 - share)));
  CHECK(tensor::energy_rank(spectrum_of({3, 2}, 5), 0.9) == 3);
}

TEST_CASE("random numbers look random, a strong component or a small side does not") {
  std::vector<float> values = random_values(128 * 300, 4);
  CHECK(tensor::looks_random(tensor::spectrum({values, 128, 300}), 128, 300));
  values = low_rank_values(128, 300, 1, 1, 4);
  CHECK_FALSE(tensor::looks_random(tensor::spectrum({values, 128, 300}), 128, 300));
  values = random_values(20 * 300, 4);
  CHECK_FALSE(tensor::looks_random(tensor::spectrum({values, 20, 300}), 20, 300));
  CHECK_FALSE(tensor::looks_random(spectrum_of({0}), 128, 300));
}
