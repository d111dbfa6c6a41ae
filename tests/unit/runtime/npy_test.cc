#include "runtime/npy.h"

#include <doctest/doctest.h>

#include "support.h"

namespace tt::runtime {
namespace {

using base::ErrorKind;
using test::error_kind;
using test::file_of;

ErrorKind open_error(const base::Bytes& bytes, const std::string& part) {
  return error_kind([&] { open_arrays(file_of(bytes)); }, part);
}

TEST_CASE("rows of a .npy array, in any order") {
  const Array array = test::floats({4, 2, 3}, test::counting(24));
  const ArraySources sources = open_arrays(file_of(test::npy(array)));
  REQUIRE(sources.size() == 1);
  CHECK(sources[0]->name().empty());
  CHECK(sources[0]->shape() == tensor::Shape{4, 2, 3});
  CHECK(to_doubles(sources[0]->read(1, 2)) == test::counting(12, 6));
  CHECK(sources[0]->read(1, 2).shape == tensor::Shape{2, 2, 3});
  CHECK(sources[0]->read(0, 4).data == array.data);
  CHECK(sources[0]->read(4, 0).data.empty());
  CHECK(error_kind([&] { sources[0]->read(3, 2); }, "4 rows") == ErrorKind::bad_data);
}

TEST_CASE("Fortran order is given in C order") {
  // Element (i, j, k) of a 2x3x2 array is 100 i + 10 j + k.
  Array stored{ElementType::i32, {12}, {}}, wanted{ElementType::i32, {2, 3, 2}, {}};
  for (int k = 0; k < 2; ++k)
    for (int j = 0; j < 3; ++j)
      for (int i = 0; i < 2; ++i) base::append_le(stored.data, std::int32_t{100 * i + 10 * j + k});
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < 2; ++k) base::append_le(wanted.data, std::int32_t{100 * i + 10 * j + k});
  const ArraySources sources = open_arrays(file_of(test::npy("'<i4'", "(2, 3, 2)", stored.data, true)));
  CHECK(sources[0]->read(0, 2).data == wanted.data);
}

TEST_CASE("versions 2 and 3 have a longer header") {
  const base::Bytes one = test::npy(test::floats({2}, {1, 2}));
  for (std::uint8_t version = 2; version <= 3; ++version) {
    base::Bytes file = one;
    file[6] = version;
    file.insert(file.begin() + 10, {0, 0});
    CHECK(to_doubles(open_arrays(file_of(file))[0]->read(0, 2)) == std::vector<double>{1, 2});
  }
  base::Bytes unknown = one;
  unknown[6] = 4;
  CHECK(open_error(unknown, "version 4") == ErrorKind::bad_data);
}

TEST_CASE("a scalar has one row") {
  const ArraySources sources = open_arrays(file_of(test::npy(test::integers({}, {16000}))));
  CHECK(sources[0]->rows() == 1);
  CHECK(sources[0]->read(0, 1).shape.empty());
}

TEST_CASE("what is no plain little-endian array is refused") {
  const base::Bytes data(8);
  CHECK(open_error(test::npy("'|O'", "(1,)", data), "pickle") == ErrorKind::bad_data);
  CHECK(open_error(test::npy("'>f4'", "(2,)", data), "'>f4'") == ErrorKind::bad_data);
  CHECK(open_error(test::npy("'<U2'", "(1,)", data), "'<U2'") == ErrorKind::bad_data);
  CHECK(open_error(test::npy("[('a', '<f4')]", "(1,)", data), "structured") == ErrorKind::bad_data);
}

TEST_CASE("a malformed header is refused") {
  const base::Bytes data(8);
  CHECK(open_error(test::npy("'<f4'", "(3,)", data), "12") == ErrorKind::bad_data);
  CHECK(open_error(test::npy("'<f4'", "(-2,)", data), "shape") == ErrorKind::bad_data);
  CHECK(open_error(test::npy("'<f4'", "(99999999999999999999,)", data), "shape") == ErrorKind::bad_data);
  CHECK(open_error(test::npy("'<f4'", "(4294967296, 4294967296)", data), "") == ErrorKind::bad_data);
  CHECK(open_error(test::npy("'<f4'", "(2", data), "malformed") == ErrorKind::bad_data);
  for (const char* text : {"", "{", "{}", "{'descr': '<f4'}",
                           "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}",
                           "{'descr': '<f4', 'fortran_order': 0, 'shape': ()}",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': ()} x",
                           "{'other': '<f4', 'fortran_order': False, 'shape': ()}", "{'descr: "})
    CHECK(error_kind([&] { parse_npy_dictionary(text, "x"); }, "malformed") == ErrorKind::bad_data);
  const base::Bytes good = test::npy(test::floats({2}, {1, 2}));
  for (std::size_t length = 0; length < good.size(); ++length)
    CHECK(error_kind(
              [&] {
                open_arrays(file_of({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)}));
              },
              "") == ErrorKind::bad_data);
}

TEST_CASE("arrays of a .npz are streamed, stored or deflated") {
  const Array large = test::integers({1000, 50}, test::counting(50000), ElementType::i32);
  for (const bool deflate : {false, true}) {
    const ArraySources sources =
        open_arrays(file_of(test::npz({{"a", large}, {"b", test::floats({1}, {7})}}, deflate)));
    REQUIRE(sources.size() == 2);
    CHECK(sources[0]->name() == "a");
    for (const std::uint64_t begin : {0, 300, 990, 10}) {
      const Array rows = sources[0]->read(begin, 10);
      CHECK(to_doubles(rows) == test::counting(500, static_cast<double>(begin * 50)));
    }
    CHECK(to_doubles(sources[1]->read(0, 1)) == std::vector<double>{7});
  }
}

TEST_CASE("broken and strange archives are refused") {
  const base::Bytes array = test::npy(test::floats({1000}, test::counting(1000)));
  CHECK(open_error(test::zip({{"README", {1, 2}}}, true), "without .npy") == ErrorKind::bad_data);
  CHECK(open_error(test::zip({{"a.npy", array}}, true, "secret"), "encrypted") == ErrorKind::bad_data);
  base::Bytes flipped = test::zip({{"a.npy", array}}, false);
  flipped[1000] ^= 1;
  CHECK(error_kind([&] { open_arrays(file_of(flipped))[0]->read(0, 1000); }, "broken") ==
        ErrorKind::bad_data);
  const base::Bytes good = test::zip({{"a.npy", array}}, true);
  for (std::size_t length = 4; length < good.size(); length += 7)
    CHECK(open_error({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)}, "") ==
          ErrorKind::bad_data);
}

TEST_CASE("safetensors with every number type") {
  const base::Bytes data(16, 1);
  const ArraySources sources = open_arrays(file_of(test::safetensors(
      R"({"__metadata__":{"a":"b"},"x":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"y":{"dtype":"U8","shape":[2,4],"data_offsets":[8,16]}})",
      data)));
  REQUIRE(sources.size() == 2);
  CHECK(to_integers(sources[0]->read(0, 1), "x")[0] == 0x0101010101010101);
  CHECK(sources[1]->read(1, 1).shape == tensor::Shape{1, 4});
  const auto refuse = [&](const std::string& header, const std::string& part) {
    return open_error(test::safetensors(header, data), part);
  };
  CHECK(refuse(R"({"x":{"dtype":"I64","shape":[3],"data_offsets":[0,24]}})", "range") == ErrorKind::bad_data);
  CHECK(refuse(R"({"x":{"dtype":"I64","shape":[2],"data_offsets":[0,8]}})", "range") == ErrorKind::bad_data);
  CHECK(refuse(R"({"x":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}})", "F8_E4M3") ==
        ErrorKind::bad_data);
  CHECK(refuse(R"({"x":{"dtype":"I64"}})", "") == ErrorKind::bad_data);
}

}  // namespace
}  // namespace tt::runtime
