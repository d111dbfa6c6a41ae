#include "base/pattern.h"

#include "support.h"

using namespace tt::base;
using namespace tt::test;

TEST_CASE("unanchored search") {
  const Pattern pattern("layer\\.[0-3]\\.");
  CHECK(pattern.text() == "layer\\.[0-3]\\.");
  CHECK(pattern.matches("model.layer.2.weight"));
  CHECK_FALSE(pattern.matches("model.layer.4.weight"));
  CHECK(Pattern("").matches("anything"));
  CHECK(Pattern("^a$").matches("a"));
  CHECK_FALSE(Pattern("^a$").matches("ba"));
  CHECK(Pattern("b").matches(std::string_view("a\0b", 3)));
  CHECK(Pattern("b").matches("\xff\xfe b"));
}

TEST_CASE("patterns that cannot be") {
  for (const std::string& text :
       {std::string("("), std::string("[a"), std::string("a**"), std::string("(?=x)"), std::string("\\1"),
        std::string("\xff"), std::string("((((((a{1000}){1000}){1000}){1000}){1000}){1000})")}) {
    CAPTURE(text);
    CHECK(kind_of([&] { Pattern pattern(text); }) == ErrorKind::usage);
  }
}

TEST_CASE("long names and evil patterns end") {
  const std::string name(1'000'000, 'a');
  CHECK_FALSE(Pattern("(a+)+$b").matches(name));
  CHECK_FALSE(Pattern("(.*)b").matches(name));
  CHECK(Pattern("(a|aa)+$").matches(name));
}
