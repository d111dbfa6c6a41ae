#include "model/skeleton_writer.h"

#include <doctest/doctest.h>

#include "support.h"

namespace tt::model::test {
namespace {

using base::ErrorKind;

ErrorKind kind_of(const std::vector<SkeletonFile>& files, std::uint64_t literals,
                  const std::vector<std::uint64_t>& sizes) {
  try {
    place_pieces(files, literals, sizes);
  } catch (const base::Error& error) {
    return error.kind();
  }
  return ErrorKind::internal;
}

TEST_CASE("pieces get their places") {
  std::vector<SkeletonFile> files = {
      {"", {{10, 1, PayloadForm::flat}, {0, 0, PayloadForm::varint16}, {5, kNoWeight, {}}}},
      {"x", {{0, 1, PayloadForm::flat}, {2, kNoWeight, {}}}}};
  Placement placement = place_pieces(files, 17, {100, 1000});
  CHECK(placement.file_sizes == std::vector<std::uint64_t>{1115, 1002});
  REQUIRE(placement.literals.size() == 3);
  CHECK(placement.literals[1].offset == 1110);
  CHECK(placement.literals[1].source == 10);
  CHECK(placement.literals[2].offset == 1000);
  REQUIRE(placement.weights[1].size() == 2);
  CHECK(placement.weights[1][0].offset == 10);
  CHECK(placement.weights[1][1].file == 1);
  CHECK(placement.weights[0][0].form == PayloadForm::varint16);
  CHECK(placement.weights[0][0].offset == 1010);
}

TEST_CASE("bad pieces are refused") {
  std::uint64_t huge = ~std::uint64_t{0};
  CHECK(kind_of({{"", {{1, 3, {}}}}}, 1, {1}) == ErrorKind::bad_data);
  CHECK(kind_of({{"", {{1, 0, {}}}}}, 2, {1}) == ErrorKind::bad_data);
  CHECK(kind_of({{"", {{1, 0, {}}}}}, 1, {huge}) == ErrorKind::bad_data);
  CHECK(kind_of({{"", {{huge, kNoWeight, {}}, {1, kNoWeight, {}}}}}, 0, {}) == ErrorKind::bad_data);
}

TEST_CASE("varints of 16 bits") {
  base::Bytes all(2 * 65536);
  for (std::size_t i = 0; i < 65536; ++i) base::store_le(all.data() + 2 * i, static_cast<std::uint16_t>(i));
  base::Bytes varints = to_varint16(all);
  CHECK(from_varint16(varints, 65536) == all);
  CHECK_THROWS_AS(from_varint16(varints, 65535), base::Error);
  CHECK_THROWS_AS(from_varint16(varints, 65537), base::Error);
  CHECK_THROWS_AS(from_varint16(varints, ~std::uint64_t{0}), base::Error);
  for (const base::Bytes& bad : {base::Bytes{0x80}, base::Bytes{0x80, 0x00}, base::Bytes{0x80, 0x80, 0x04},
                                 base::Bytes{0xff, 0xff, 0xff, 0x01}, base::Bytes{0x81, 0x80, 0x00}}) {
    CHECK_THROWS_AS(from_varint16(bad, 1), base::Error);
  }
  CHECK(from_varint16({}, 0).empty());
}

}  // namespace
}  // namespace tt::model::test
