#include "runtime/array.h"

#include <doctest/doctest.h>

#include "support.h"

namespace tt::runtime {
namespace {

using base::ErrorKind;

TEST_CASE("every integer type keeps its numbers") {
  for (std::size_t i = static_cast<std::size_t>(ElementType::i8);
       i < static_cast<std::size_t>(ElementType::boolean); ++i) {
    const auto type = static_cast<ElementType>(i);
    CAPTURE(element_name(type));
    const Array array = test::integers({3}, {0, 1, 127}, type);
    CHECK(array.data.size() == 3 * element_size(type));
    CHECK(to_integers(array, "x") == std::vector<std::int64_t>{0, 1, 127});
    CHECK(to_doubles(array) == std::vector<double>{0, 1, 127});
    CHECK(convert(array, ElementType::i64, "x").data == test::integers({3}, {0, 1, 127}).data);
  }
}

TEST_CASE("floats are rounded to nearest in the new type") {
  const Array f64 = from_doubles({0.1, -2, 65504}, {3}, ElementType::f64, "x");
  CHECK(to_doubles(f64) == std::vector<double>{0.1, -2, 65504});
  CHECK(to_doubles(convert(f64, ElementType::f32, "x")) == std::vector<double>{0.1F, -2, 65504});
  CHECK(to_doubles(convert(f64, ElementType::f16, "x"))[2] == 65504);
  CHECK(to_doubles(convert(f64, ElementType::bf16, "x"))[1] == -2);
}

TEST_CASE("what does not fit is refused") {
  const auto kind = [](const Array& array, ElementType type, const std::string& part) {
    return test::error_kind([&] { convert(array, type, "array 'x'"); }, part);
  };
  CHECK(kind(test::integers({1}, {300}), ElementType::u8, "300") == ErrorKind::bad_data);
  CHECK(kind(test::integers({1}, {-1}), ElementType::u64, "-1") == ErrorKind::bad_data);
  CHECK(kind(test::integers({1}, {1}), ElementType::f32, "int64") == ErrorKind::bad_data);
  CHECK(kind(test::floats({1}, {1}), ElementType::i64, "float32") == ErrorKind::bad_data);
  CHECK(kind(test::floats({1}, {1e6}), ElementType::f16, "range of float16") == ErrorKind::bad_data);
  CHECK(kind({ElementType::boolean, {1}, {1}}, ElementType::u8, "bool") == ErrorKind::bad_data);
  Array large{ElementType::u64, {1}, base::Bytes(8, 0xff)};
  CHECK(test::error_kind([&] { to_integers(large, "x"); }, "range of int64") == ErrorKind::bad_data);
  CHECK(test::error_kind([] { data_size(ElementType::f64, {std::uint64_t{1} << 62}, "x"); }, "") ==
        ErrorKind::bad_data);
}

}  // namespace
}  // namespace tt::runtime
