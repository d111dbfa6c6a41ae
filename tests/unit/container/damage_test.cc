// No damaged file passes: every bit flip and every truncation of a small file is refused, by name.
#include <doctest/doctest.h>

#include "generated.h"

using namespace tt;
using namespace tt::container;

TEST_CASE("every bit flip of a small file is found and named") {
  const base::Bytes good = write_bytes(every_encoding());
  REQUIRE(error_of(good) == "");
  REQUIRE(good.size() < 10000);
  const FileSize size = open_bytes(good).size();
  const std::uint64_t cores_end = size.header + size.cores, skeleton_end = cores_end + size.skeleton;
  std::size_t accepted = 0, misnamed = 0;
  base::Bytes bad = good;
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    const std::size_t at = bit / 8;
    bad[at] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    const std::string error = error_of(bad);
    bad[at] = good[at];
    if (error.empty()) ++accepted;
    const bool data = at >= size.header;
    const std::string part = at < cores_end      ? "corrupt: weight '"
                             : at < skeleton_end ? "corrupt: skeleton of"
                                                 : "corrupt: manifest of";
    if (data && !error.starts_with(part)) ++misnamed;
  }
  CHECK(accepted == 0);
  CHECK(misnamed == 0);
}

TEST_CASE("every truncation and every tail is found") {
  const base::Bytes good = write_bytes(every_encoding());
  std::size_t accepted = 0;
  for (std::size_t length = 0; length < good.size(); ++length) {
    if (error_of(base::Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length))).empty())
      ++accepted;
  }
  CHECK(accepted == 0);
  base::Bytes longer = good;
  longer.push_back(0);
  CHECK(error_of(longer).starts_with("corrupt: header of 'x.tt': 1 bytes after the last tensor"));
}
