#include "base/json.h"

#include <cmath>
#include <limits>

#include "base/memory.h"
#include "support.h"

using namespace tt::base;
using namespace tt::test;

namespace {

std::optional<ErrorKind> kind_of_text(std::string_view text) {
  return kind_of([&] { parse_json(text, "header"); });
}

std::string nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

}  // namespace

TEST_CASE("what is written is read back the same") {
  const std::string text =
      R"({"b":[1,-8,0.1,true,false,null,"x"],"a":{"deep":[[],{}]},"max":18446744073709551615,"min":-9223372036854775808})";
  const Json json = parse_json(text, "t");
  CHECK(json.dump() == text);
  CHECK(parse_json(json.dump(2), "t").dump() == text);
  CHECK(parse_json(" \n\t7\r\n", "t").as_uint("t") == 7);
  CHECK(json.at("max", "t").as_uint("max") == std::numeric_limits<std::uint64_t>::max());
  CHECK(json.at("min", "t").as_double("min") == -9223372036854775808.0);
}

TEST_CASE("indented text") {
  const Json json(JsonObject{{"a", JsonArray{1, 2}}, {"e", JsonArray{}}, {"o", JsonObject{}}});
  CHECK(json.dump(2) == "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"e\": [],\n  \"o\": {}\n}");
}

TEST_CASE("hostile texts are refused") {
  const std::string_view rows[] = {"",
                                   " ",
                                   "{",
                                   "}",
                                   "[",
                                   "[1",
                                   "[1,",
                                   "[1,]",
                                   "{\"a\"",
                                   "{\"a\":",
                                   "{\"a\":1,}",
                                   "{a:1}",
                                   "{'a':1}",
                                   "[1 2]",
                                   "1 2",
                                   "{}{}",
                                   "{} x",
                                   "nul",
                                   "True",
                                   "NaN",
                                   "Infinity",
                                   "-Infinity",
                                   "-",
                                   "+1",
                                   "01",
                                   "1.",
                                   ".5",
                                   "1e",
                                   "0x10",
                                   "1e999",
                                   "-1e999",
                                   "\"a",
                                   "\"\\x\"",
                                   "\"\\ud800\"",
                                   "\"\\ud800\\u0041\"",
                                   "\"\\udc00\"",
                                   "\"a\nb\"",
                                   "\"\t\"",
                                   "/* c */ 1",
                                   "// c\n1",
                                   "[1]//",
                                   "\xef\xbb\xbf{}",
                                   "\"\x80\"",
                                   "\"\xc0\xaf\"",
                                   "\"\xed\xa0\x80\"",
                                   "\"\xf4\x90\x80\x80\"",
                                   "\"\xe2\x82\"",
                                   "\xff",
                                   "{\"a\":1,\"a\":2}",
                                   "{\"a\":{\"b\":1,\"c\":2,\"b\":3}}",
                                   "{\"a\":1,\"\\u0061\":2}",
                                   "{\"\":1,\"\":1}",
                                   "{1:2}",
                                   "{null:1}"};
  for (const std::string_view text : rows) {
    CAPTURE(text);
    CHECK(kind_of_text(text) == ErrorKind::bad_data);
  }
  using namespace std::string_view_literals;
  for (const std::string_view text : {"{}\0"sv, "{}\0{}"sv, "\0"sv, "[1,\0 2]"sv, "\"a\0b\""sv})
    CHECK(kind_of_text(text) == ErrorKind::bad_data);
}

TEST_CASE("every cut of a text is refused") {
  const std::string text = R"({"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"x":"\u00e9"})";
  REQUIRE_FALSE(kind_of_text(text));
  for (std::size_t cut = 0; cut < text.size(); ++cut)
    CHECK(kind_of_text(text.substr(0, cut)) == ErrorKind::bad_data);
}

TEST_CASE("limits of depth, bytes and values") {
  CHECK_FALSE(kind_of_text(nested(32)));
  CHECK(kind_of_text(nested(33)) == ErrorKind::bad_data);
  CHECK(kind_of_text(nested(1'000'000)) == ErrorKind::bad_data);
  CHECK(kind_of_text(std::string(1'000'000, '[')) == ErrorKind::bad_data);
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  CHECK(kind_of_text(objects) == ErrorKind::bad_data);
  CHECK(kind_of([] { parse_json("[1,2,3]", "t", {.max_bytes = 6}); }) == ErrorKind::bad_data);
  CHECK(kind_of([] { parse_json("[1,2,3]", "t", {.max_values = 3}); }) == ErrorKind::bad_data);
  CHECK_FALSE(kind_of([] { parse_json("[1,2,3]", "t", {.max_bytes = 7, .max_values = 4}); }));
}

TEST_CASE("a text of small values does not take the memory") {
  std::string text = "[0";
  while (text.size() < 24'000'000) text += ",0";
  CHECK(in_child([&] {
          const std::uint64_t before = peak_rss_bytes();
          const auto kind = kind_of_text(text + "]");
          return kind == ErrorKind::bad_data && peak_rss_bytes() - before < 250'000'000 ? 0 : 1;
        }) == 0);
}

TEST_CASE("numbers are what they are") {
  const auto number = [](std::string_view text) { return parse_json(text, "n"); };
  CHECK(number("0").as_uint("n") == 0);
  CHECK(number("-0").as_uint("n") == 0);
  for (const char* text : {"-8", "1.5", "1.0", "1e3", "18446744073709551616", "99999999999999999999999",
                           "\"1\"", "true", "null"}) {
    CAPTURE(text);
    CHECK(kind_of([&] { number(text).as_uint("n"); }) == ErrorKind::bad_data);
  }
  CHECK(number("-8").as_double("n") == -8.0);
  CHECK(number("8").as_double("n") == 8.0);
  CHECK(number("1e3").as_double("n") == 1000.0);
  CHECK(number("1e-400").as_double("n") == 0.0);
  CHECK(kind_of([&] { number("\"1\"").as_double("n"); }) == ErrorKind::bad_data);
}

TEST_CASE("doubles in the shortest form that reads back") {
  for (const double value :
       {0.0, -0.0, 1.0, 0.1, 1.0 / 3, 1e22, 1e300, 5e-324, -1.7976931348623157e308, 123456789.0}) {
    const Json back = parse_json(Json(value).dump(), "d");
    CHECK(std::get<double>(back.value()) == value);
    CHECK(std::signbit(std::get<double>(back.value())) == std::signbit(value));
  }
  CHECK(Json(0.1).dump() == "0.1");
  CHECK(Json(1.0).dump() == "1.0");
  for (const double value : {std::nan(""), HUGE_VAL, -HUGE_VAL}) CHECK(Json(value).dump() == "null");
}

TEST_CASE("texts are escaped") {
  using namespace std::string_view_literals;
  CHECK(Json("\"\\/\b\f\n\r\t\x1b\x7f\0é"sv).dump() == "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u001b\\u007f\\u0000é\"");
  CHECK(Json("a\xff\xc3z\xed\xa0\x80"sv).dump() ==
        "\"a\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
  CHECK(Json(JsonObject{{"k\n", Json(1)}}).dump() == "{\"k\\n\":1}");
  CHECK(parse_json("\"\\u00e9\\ud83d\\ude00\\u0000\"", "t").as_string("t") == "é😀\0"sv);
}

TEST_CASE("access by type and key") {
  const Json json = parse_json(R"({"b":true,"s":"x","a":[1,2],"m":[1,"x"],"n":null,"i":-1})", "t");
  CHECK(json.at("b", "t").as_bool("b"));
  CHECK(json.at("s", "t").as_string("s") == "x");
  CHECK(json.at("a", "t").as_uints("a") == std::vector<std::uint64_t>{1, 2});
  CHECK(json.at("a", "t").as_array("a").size() == 2);
  CHECK(json.at("n", "t").is_null());
  CHECK(json.is_object());
  CHECK(json.find("a")->is_array());
  CHECK(json.find("s")->is_string());
  CHECK(json.find("i")->is_number());
  CHECK(json.find("z") == nullptr);
  CHECK(json.find("a")->find("z") == nullptr);
  CHECK(message_of([&] { json.at("z", "the header"); }) == "the header lacks the key 'z'");
  CHECK(message_of([&] { json.at("s", "t").as_bool("flag"); }) == "flag is a string instead of a boolean");
  for (const auto& action : std::vector<std::function<void()>>{
           [&] { json.as_string("t"); }, [&] { json.as_array("t"); },
           [&] { json.at("a", "t").as_object("a"); }, [&] { json.at("a", "t").at("x", "a"); },
           [&] { json.at("m", "t").as_uints("m"); }}) {
    CHECK(kind_of(action) == ErrorKind::bad_data);
  }
  CHECK(Json::of({3, 4}).dump() == "[3,4]");
  CHECK(Json(-5).dump() == "-5");
  CHECK(Json(5).as_uint("five") == 5);
  CHECK(Json().dump() == "null");
}

TEST_CASE("names of a stranger in messages are escaped") {
  CHECK(message_of([] { parse_json("{\"\\u001b[2J\":1,\"\\u001b[2J\":2}", "header"); }) ==
        "header is unusable, the key '\\x1b[2J' stands there twice");
}
