#include "plan/known_sizes.h"

#include <doctest/doctest.h>

using namespace tt;

static plan::Curve curve_of(const std::vector<std::uint64_t>& bytes) {
  plan::Curve curve;
  for (const std::uint64_t size : bytes) {
    const auto left = static_cast<double>(bytes.size() - curve.size());
    curve.push_back({.encoding = {}, .bytes = size, .loss = left, .relative_error = left});
  }
  return curve;
}
static std::vector<std::uint64_t> bytes_of(const plan::Curve& curve) {
  std::vector<std::uint64_t> bytes;
  for (const plan::Candidate& candidate : curve) bytes.push_back(candidate.bytes);
  return bytes;
}

TEST_CASE("a curve of which nothing is known stays as it is") {
  const plan::Curve curve = curve_of({10, 20, 30});
  CHECK(bytes_of(plan::corrected(curve, {})) == bytes_of(curve));
}

TEST_CASE("known sizes stand in the curve, the others follow their ratio") {
  const plan::Curve curve = curve_of({100, 200, 300, 400, 500});
  CHECK(bytes_of(plan::corrected(curve, {{2, 330}})) == std::vector<std::uint64_t>{110, 220, 330, 440, 550});
  CHECK(bytes_of(plan::corrected(curve, {{1, 200}, {3, 480}})) ==
        std::vector<std::uint64_t>{100, 200, 330, 480, 600});
  CHECK(plan::corrected(curve, {{1, 200}})[4].loss == curve[4].loss);
}

TEST_CASE("bytes ascend strictly, whatever is known") {
  const plan::Curve curve = curve_of({100, 101, 102, 103, 104});
  const std::vector<std::uint64_t> bytes = bytes_of(plan::corrected(curve, {{1, 150}, {3, 90}}));
  CHECK(bytes[1] == 150);
  for (std::size_t i = 1; i < bytes.size(); ++i) CHECK(bytes[i] > bytes[i - 1]);
  CHECK(bytes_of(plan::corrected(curve_of({0, 1, 2}), {{0, 0}})) == std::vector<std::uint64_t>{0, 1, 2});
}
