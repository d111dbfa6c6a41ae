#include "runtime/messages.h"

#include <doctest/doctest.h>

#include "support.h"

namespace tt::runtime {
namespace {

using base::ErrorKind;

const NamedArrays kArrays = {{"x", test::floats({2, 3}, test::counting(6))}, {"", test::integers({}, {7})}};

TEST_CASE("arrays and signatures come back as they went") {
  const NamedArrays arrays = unpack_arrays(pack_arrays(kArrays));
  REQUIRE(arrays.size() == 2);
  CHECK(arrays[0].name == "x");
  CHECK(arrays[0].array.shape == tensor::Shape{2, 3});
  CHECK(arrays[0].array.data == kArrays[0].array.data);
  CHECK(arrays[1].array.type == ElementType::i64);
  const Signature signature = unpack_signature(
      pack_signature({{test::value("a", {kFree, 3})}, {test::value("b", {}, ElementType::boolean)}}));
  CHECK(signature.inputs[0].dims[0].name == "N");
  CHECK(signature.inputs[0].dims[1].size == 3);
  CHECK(signature.outputs[0].type == ElementType::boolean);
}

TEST_CASE("what a broken child may send is refused") {
  const base::Bytes good = pack_arrays(kArrays);
  for (std::size_t length = 0; length < good.size(); ++length)
    CHECK(test::error_kind([&] { unpack_arrays(base::ByteView(good).first(length)); }, "") ==
          ErrorKind::corrupt);
  base::Bytes tail = good;
  tail.push_back(0);
  CHECK(test::error_kind([&] { unpack_arrays(tail); }, "") == ErrorKind::corrupt);
  base::Bytes many = good;
  many[7] = 0xff;
  CHECK(test::error_kind([&] { unpack_arrays(many); }, "") == ErrorKind::corrupt);
  base::Bytes type = good;
  type[17] = 0xff;  // after the count, the name's length and "x"
  CHECK(test::error_kind([&] { unpack_arrays(type); }, "") == ErrorKind::corrupt);
  CHECK(test::error_kind([&] { unpack_signature(good); }, "") == ErrorKind::corrupt);
}

}  // namespace
}  // namespace tt::runtime
