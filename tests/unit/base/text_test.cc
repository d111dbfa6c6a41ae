#include "base/text.h"

#include <limits>

#include "base/utf8.h"
#include "support.h"

using namespace tt::base;

TEST_CASE("numbers in messages") {
  CHECK(number_text(0.125) == "0.125");
  CHECK(number_text(1.0 / 3) == "0.3333");
  CHECK(number_text(1.0 / 3, 2) == "0.33");
  CHECK(number_text(12345678) == "1.235e+07");
  CHECK(number_text(-2.5) == "-2.5");
  CHECK(number_text(std::numeric_limits<double>::infinity()) == "inf");
  CHECK(number_text(std::numeric_limits<double>::quiet_NaN()) == "not a number");
}

TEST_CASE("names are shown without anything that a terminal obeys") {
  using namespace std::string_view_literals;
  struct Row {
    std::string_view name, shown;
  };
  const Row rows[] = {
      {"", ""},
      {"model.layer.0/MatMul:0", "model.layer.0/MatMul:0"},
      {"é 漢字 😀", "é 漢字 😀"},
      {"\x1b[31mred", "\\x1b[31mred"},
      {"a\nb\tc\rd", "a\\nb\\tc\\rd"},
      {"a\0b"sv, "a\\x00b"},
      {"back\\slash", "back\\\\slash"},
      {"\x7f", "\\x7f"},
      {"\xc2\x9b", "\\u009b"},        // the one-byte form of ESC [
      {"a\u202egpj", "a\\u202egpj"},  // right-to-left override
      {"\u200f\u2066\u061c\ufeff\u200b", "\\u200f\\u2066\\u061c\\ufeff\\u200b"},
      {"\u2028", "\\u2028"},
      {"\U000e0041", "\\U000e0041"},
      {"\xff\xc3", "\\xff\\xc3"},
      {"\xed\xa0\x80", "\\xed\\xa0\\x80"},  // a surrogate
      {"\xc0\xaf", "\\xc0\\xaf"},           // an overlong slash
      {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
  };
  for (const Row& row : rows) CHECK(printable(row.name) == row.shown);
  CHECK(quoted("a\nb") == "'a\\nb'");
}

TEST_CASE("long names are cut between characters") {
  CHECK(printable("abcdef", 6) == "abcdef");
  CHECK(printable("abcdef", 5) == "abcde...");
  CHECK(printable("éééé", 3) == "ééé...");
  CHECK(printable("ab\n", 3) == "ab...");
  CHECK(printable("ab\n", 4) == "ab\\n");
  CHECK(printable("x", 0) == "...");
  const std::string huge(10 << 20, '\x1b');
  CHECK(printable(huge).size() == 203);
  CHECK(tt::base::quoted(std::string(10 << 20, 'n')).size() == 205);
}

TEST_CASE("code points at the edges") {
  CHECK(decode_utf8("").length == 0);
  CHECK(tt::base::is_utf8(""));
  CHECK(tt::base::is_utf8("a\xdf\xbf\xf4\x8f\xbf\xbf"));
  CHECK(decode_utf8("\xdf\xbf").value == 0x7ff);
  CHECK(decode_utf8("\xe0\xa0\x80").value == 0x800);
  CHECK(decode_utf8("\xf0\x90\x80\x80").value == 0x10000);
  CHECK(decode_utf8("\xf4\x8f\xbf\xbf").value == 0x10ffff);
  for (const char* bad : {"\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
                          "\xf5\x80\x80\x80", "\xe2\x82", "\xe2(\xa1"}) {
    CHECK(decode_utf8(bad).length == 0);
    CHECK_FALSE(tt::base::is_utf8(std::string("a") + bad));
  }
}

TEST_CASE("byte counts of people") {
  struct Row {
    std::string_view text;
    std::optional<std::uint64_t> bytes;
  };
  const Row rows[] = {
      {"0", 0},
      {"4096", 4096},
      {"12B", 12},
      {"12kB", 12'000},
      {"12KB", 12'000},
      {"10MB", 10'000'000},
      {"1.5GiB", 1'610'612'736},
      {"0.5kB", 500},
      {"1.5KiB", 1536},
      {"0.3KiB", 307},
      {"1.0000000000000000MB", 1'000'000},
      {"2TB", 2'000'000'000'000},
      {"1TiB", 1'099'511'627'776},
      {"007", 7},
      {"9223372036854775808", std::uint64_t{1} << 63},
      {"8388608TiB", std::uint64_t{1} << 63},
      {"9223372036854775809", {}},
      {"8388608.1TiB", {}},
      {"18446744073709551616", {}},
      {"99999999999999999999999TiB", {}},
      {"", {}},
      {"-1", {}},
      {"+1", {}},
      {" 1", {}},
      {"1 ", {}},
      {"1 MB", {}},
      {"MB", {}},
      {".5MB", {}},
      {"1.MB", {}},
      {"1.5", {}},
      {"1.5B", {}},
      {"1..5MB", {}},
      {"1e6", {}},
      {"0x10", {}},
      {"1,000", {}},
      {"10mb", {}},
      {"10M", {}},
      {"10MiBs", {}},
      {"1.-5MB", {}},
      {"1.0000000000000000001MB", {}},
      {"inf", {}},
      {"nan", {}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(parse_bytes(row.text) == row.bytes);
  }
}

TEST_CASE("byte counts for people") {
  CHECK(format_bytes(0) == "0 B");
  CHECK(format_bytes(999) == "999 B");
  CHECK(format_bytes(1000) == "1.00 kB");
  CHECK(format_bytes(1'234'567) == "1.23 MB");
  CHECK(format_bytes(1'005'000) == "1.01 MB");
  CHECK(format_bytes(999'994) == "999.99 kB");
  CHECK(format_bytes(999'995) == "1.00 MB");
  CHECK(format_bytes(90'000'000) == "90.00 MB");
  CHECK(format_bytes(~std::uint64_t{0}) == "18.45 EB");
}

TEST_CASE("close words") {
  const std::vector<std::string> known = {"compress", "decompress", "inspect", "run", "push", "pull"};
  CHECK(closest("compres", known) == "compress");
  CHECK(closest("inspcet", known) == "inspect");
  CHECK(closest("decompress", known) == "decompress");
  CHECK(closest("pul", known) == "pull");
  CHECK_FALSE(closest("verify", known));
  CHECK_FALSE(closest("", known));
  CHECK_FALSE(closest("x", known));
  CHECK_FALSE(closest("xyz", known));
  CHECK_FALSE(closest(std::string(1 << 20, 'c'), known));
}
