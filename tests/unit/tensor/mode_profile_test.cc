#include "tensor/mode_profile.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "base/error.h"
#include "random_values.h"

using namespace tt;

TEST_CASE("the first unfolding of two modes is the matrix itself") {
  const std::vector<float> values = random_values(6 * 40, 1);
  const std::vector<tensor::ModeProfile> profiles = tensor::mode_profiles(values, {6, 40});
  REQUIRE(profiles.size() == 2);
  const tensor::Spectrum known = tensor::spectrum({values, 6, 40});
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(profiles[0].spectrum.energy[i] == doctest::Approx(known.energy[i]));
    CHECK(profiles[1].spectrum.energy[i] == doctest::Approx(known.energy[i]));
  }
  CHECK(profiles[1].spectrum.energy[6] < 1e-6 * known.energy[0]);
}

TEST_CASE("the energies of every unfolding add up to the tensor's") {
  const std::vector<float> values = random_values(4 * 5 * 3 * 7, 2);
  for (const tensor::ModeProfile& profile : tensor::mode_profiles(values, {4, 5, 3, 7})) {
    CHECK(profile.spectrum.tail(0) == doctest::Approx(profile.spectrum.total));
    CHECK(profile.direction.size() == profile.size);
  }
}

TEST_CASE("what depends on one mode alone is explained by it") {
  std::vector<float> values;
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 4; ++j)
      for (int k = 0; k < 5; ++k) values.push_back(static_cast<float>(j * j - 2));
  const std::vector<tensor::ModeProfile> profiles = tensor::mode_profiles(values, {3, 4, 5});
  CHECK(profiles[0].variance_share < 1e-9);
  CHECK(profiles[1].variance_share == doctest::Approx(1));
  CHECK(profiles[2].variance_share < 1e-9);
  CHECK(profiles[0].mean_correlation == doctest::Approx(1));
  CHECK(profiles[0].spectrum.energy[1] < 1e-9);
}

TEST_CASE("the most alike slices are found, with the sign of their cosine") {
  std::vector<float> values = random_values(8 * 50, 3);
  for (std::size_t i = 0; i < 50; ++i) values[5 * 50 + i] = -2 * values[2 * 50 + i];
  const tensor::ModeProfile profile = tensor::mode_profiles(values, {8, 5, 10})[0];
  CHECK(profile.first == 2);
  CHECK(profile.second == 5);
  CHECK(profile.largest_correlation == doctest::Approx(-1));
  CHECK(profile.mean_correlation < 0.3);
}

TEST_CASE("modes of one and long ones have no profile; zeros have no direction") {
  const std::vector<float> zeros(2 * (tensor::kMaxMode + 1));
  const std::vector<tensor::ModeProfile> profiles =
      tensor::mode_profiles(zeros, {1, 2, tensor::kMaxMode + 1});
  REQUIRE(profiles.size() == 1);
  CHECK(profiles[0].mode == 1);
  CHECK(profiles[0].direction.empty());
  CHECK(profiles[0].variance_share == 0);
  CHECK(profiles[0].mean_correlation == 0);
  CHECK(tensor::mode_profiles({}, {0, 3}).empty());
}

TEST_CASE("modes must hold the values, and values be finite") {
  const std::vector<float> values = {1, 2, 3, NAN};
  CHECK_THROWS_AS(tensor::mode_profiles(values, {2, 3}), base::Error);
  CHECK_THROWS_AS(tensor::mode_profiles(values, {2, 2}), base::Error);
}
