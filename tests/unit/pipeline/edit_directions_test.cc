// Where the directions of an edit come from.
#include "pipeline/edit_directions.h"

#include <doctest/doctest.h>

#include <cmath>

#include "base/error.h"
#include "base/output_file.h"
#include "base/temporary_folder.h"

namespace tt::pipeline {
namespace {

using base::Error;

// 3 outputs x 5 inputs of two components, sigma 10 and 4.
tensor::WeightData two_components(bool turned) {
  const double u[2][3] = {{0.6, 0.8, 0}, {0, 0, 1}}, v[2][5] = {{1, 0, 0, 0, 0}, {0, 0.8, 0, 0.6, 0}};
  std::vector<float> values(15);
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 5; ++j)
      values[turned ? j * 3 + i : i * 5 + j] =
          static_cast<float>(10 * u[0][i] * v[0][j] + 4 * u[1][i] * v[1][j]);
  tensor::WeightLayout layout{tensor::DType::f32, {3, 5}, 3, 5};
  if (turned) layout = {tensor::DType::f32, {5, 3}, 5, 3};
  tensor::WeightData weight{layout, base::Bytes(layout.payload_size())};
  tensor::from_float(layout.dtype, values, weight.payload);
  return weight;
}

std::string npy(const base::TemporaryFolder& folder, const std::string& shape, std::vector<double> values) {
  std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + ", }";
  header.resize(118 - 1, ' ');
  header += '\n';
  base::Bytes bytes = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
  base::append_le(bytes, static_cast<std::uint16_t>(header.size()));
  bytes.insert(bytes.end(), header.begin(), header.end());
  for (const double value : values) base::append_le(bytes, value);
  const std::string path = folder.path() + "/d.npy";
  base::OutputFile out = base::OutputFile::create(path);
  out.write(0, bytes);
  out.commit();
  return path;
}

TEST_CASE("numbers of patterns") {
  CHECK_FALSE(pattern_number("d.npy"));
  CHECK_FALSE(pattern_number(""));
  CHECK(pattern_number("pattern:1") == 1);
  CHECK(pattern_number("pattern:4") == 4);
  for (const char* bad : {"pattern:", "pattern:0", "pattern:5", "pattern:-1", "pattern:1x", "pattern: 1",
                          "pattern:99999999999999999999"})
    CHECK_THROWS_AS(pattern_number(bad), Error);
}

TEST_CASE("the sides of a weight, stored either way, and of a vector") {
  const SeenWeight plain{{tensor::DType::f32, {3, 5}, 3, 5}, false};
  const SeenWeight turned{{tensor::DType::f32, {5, 3}, 5, 3}, true};
  for (const SeenWeight& seen : {plain, turned}) {
    CHECK(seen.length(Side::input) == 5);
    CHECK(seen.length(Side::output) == 3);
  }
  CHECK(plain.axis(Side::input) == 1);
  CHECK(turned.axis(Side::input) == 0);
  const SeenWeight vector{{tensor::DType::f32, {7}, 1, 7}, false};
  CHECK(vector.is_vector());
  CHECK(vector.length(Side::output) == 7);
}

TEST_CASE("a pattern is the singular vector of the weight as its layer sees it") {
  for (const bool turned : {false, true}) {
    const tensor::WeightData weight = two_components(turned);
    const SeenWeight seen{weight.layout, turned};
    const Vectors input = pattern_vector(weight, seen, Side::input, 2);
    const Vectors output = pattern_vector(weight, seen, Side::output, 1);
    REQUIRE((input.count == 1 && input.length == 5 && output.length == 3));
    CHECK(std::abs(input.values[1]) == doctest::Approx(0.8).epsilon(1e-6));
    CHECK(std::abs(input.values[3]) == doctest::Approx(0.6).epsilon(1e-6));
    CHECK(std::abs(output.values[0]) == doctest::Approx(0.6).epsilon(1e-6));
    CHECK(std::abs(output.values[1]) == doctest::Approx(0.8).epsilon(1e-6));
    CHECK_THROWS_AS(pattern_vector(weight, seen, Side::input, 4), Error);
  }
}

TEST_CASE("a file holds one vector, or one a row") {
  const base::TemporaryFolder folder;
  const Vectors one = read_vectors(npy(folder, "(3,)", {1, 2, 3}));
  CHECK((one.count == 1 && one.length == 3 && one.values == std::vector<double>{1, 2, 3}));
  const Vectors two = read_vectors(npy(folder, "(2, 3)", {1, 2, 3, 4, 5, 6}));
  CHECK((two.count == 2 && two.length == 3 && two.values.back() == 6));
  CHECK_THROWS_WITH_AS(read_vectors(npy(folder, "(1, 1, 2)", {1, 2})), doctest::Contains("1x1x2"), Error);
  CHECK_THROWS_WITH_AS(read_vectors(npy(folder, "(0, 3)", {})), doctest::Contains("empty"), Error);
  CHECK_THROWS_AS(read_vectors(folder.path() + "/none.npy"), Error);
}

}  // namespace
}  // namespace tt::pipeline
