#include "base/checked.h"

#include <algorithm>
#include <vector>

#include "support.h"

using namespace tt::base;
using tt::test::kind_of;

TEST_CASE("sums, products and their overflow") {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  CHECK(checked_add(2, 3, "x") == 5);
  CHECK(checked_add(kMax, 0, "x") == kMax);
  CHECK(checked_mul(kMax / 5, 5, "x") == kMax);
  CHECK(kind_of([] { checked_add(kMax, 1, "x"); }) == ErrorKind::bad_data);
  CHECK(kind_of([] { checked_mul(std::uint64_t{1} << 32, std::uint64_t{1} << 32, "x"); }) ==
        ErrorKind::bad_data);
  CHECK(tt::test::message_of([] { checked_add(kMax, 1, "size of tensor 'w'"); }) ==
        "size of tensor 'w' overflows 64 bits");
}

TEST_CASE("a zero does not hide the overflow of the other factors") {
  using List = std::vector<std::uint64_t>;
  CHECK(checked_product(List{}, "x") == 1);
  CHECK(checked_product(List{2, 3, 7}, "x") == 42);
  CHECK(checked_product(List{0, std::uint64_t{1} << 40}, "x") == 0);
  for (const List& bad :
       {List{0, 1ull << 40, 1ull << 40}, List{1ull << 40, 0, 1ull << 40}, List{1ull << 32, 1ull << 32}}) {
    CHECK(kind_of([&] { checked_product(bad, "x"); }) == ErrorKind::bad_data);
  }
}

TEST_CASE("ranges inside a size") {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  CHECK(range_inside(0, 0, 0));
  CHECK(range_inside(3, 7, 10));
  CHECK(range_inside(10, 0, 10));
  CHECK_FALSE(range_inside(3, 8, 10));
  CHECK_FALSE(range_inside(11, 0, 10));
  CHECK_FALSE(range_inside(5, kMax, 10));
  CHECK_FALSE(range_inside(kMax, 2, 10));
}

TEST_CASE("every kind of error has a name of its own") {
  std::vector<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(ErrorKind::terminated); ++i)
    names.push_back(kind_name(static_cast<ErrorKind>(i)));
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}
