#include "base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>
#include <utility>

#include "base/utf8.h"

namespace tt::base {
namespace {

// Characters that a terminal obeys, or that hide or reorder the others.
bool is_harmful(char32_t c) {
  const auto in = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
  return c < 0x20 || in(0x7f, 0x9f) || c == 0xad || c == 0x61c || c == 0x180e || in(0x200b, 0x200f) ||
         in(0x2028, 0x202e) || in(0x2060, 0x206f) || c == 0xfeff || in(0xfff9, 0xfffb) ||
         in(0xe0000, 0xe007f);
}

std::string hex_digits(char32_t value, int width) {
  std::string digits(static_cast<std::size_t>(width), '0');
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, value >>= 4)
    *digit = "0123456789abcdef"[value & 15];
  return digits;
}

std::string escaped(char32_t c) {
  switch (c) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\\':
      return "\\\\";
    default:
      break;
  }
  if (c < 0x80) return "\\x" + hex_digits(c, 2);
  return c < 0x10000 ? "\\u" + hex_digits(c, 4) : "\\U" + hex_digits(c, 8);
}

}  // namespace

std::string printable(std::string_view name, std::size_t limit) {
  std::string shown;
  std::size_t characters = 0;
  while (!name.empty()) {
    const CodePoint point = decode_utf8(name);
    std::string next;
    if (point.length == 0) {
      next = "\\x" + hex_digits(static_cast<unsigned char>(name[0]), 2);
    } else if (point.value == '\\' || is_harmful(point.value)) {
      next = escaped(point.value);
    }
    const std::size_t width = next.empty() ? 1 : next.size();
    const std::size_t length = std::max<std::size_t>(point.length, 1);
    if (characters + width > limit) return shown + "...";
    shown += next.empty() ? name.substr(0, length) : std::string_view(next);
    characters += width;
    name.remove_prefix(length);
  }
  return shown;
}

std::string quoted(std::string_view name) {
  return "'" + printable(name) + "'";
}

namespace {

constexpr std::uint64_t kLargest = std::uint64_t{1} << 63;
__extension__ using Wide = unsigned __int128;  // exact products of a size and a unit

std::optional<std::uint64_t> unit_of(std::string_view unit) {
  static constexpr std::pair<std::string_view, std::uint64_t> kUnits[] = {
      {"", 1},
      {"B", 1},
      {"kB", 1'000},
      {"KB", 1'000},
      {"MB", 1'000'000},
      {"GB", 1'000'000'000},
      {"TB", 1'000'000'000'000},
      {"KiB", std::uint64_t{1} << 10},
      {"MiB", std::uint64_t{1} << 20},
      {"GiB", std::uint64_t{1} << 30},
      {"TiB", std::uint64_t{1} << 40},
  };
  for (const auto& [name, factor] : kUnits) {
    if (name == unit) return factor;
  }
  return std::nullopt;
}

// Takes the digits at the front of `text`; none: empty. Above 10^18: empty.
std::optional<std::uint64_t> take_digits(std::string_view& text, std::size_t& count) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  count = static_cast<std::size_t>(stop - text.data());
  if (error != std::errc() || count == 0) return std::nullopt;
  text.remove_prefix(count);
  return value;
}

}  // namespace

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  std::size_t count = 0;
  const auto whole = take_digits(text, count);
  if (!whole || *whole > kLargest) return std::nullopt;
  std::uint64_t fraction = 0, scale = 1;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const auto digits = take_digits(text, count);
    if (!digits || count > 18) return std::nullopt;
    fraction = *digits;
    while (count-- > 0) scale *= 10;
  }
  const auto unit = unit_of(text);
  if (!unit || (*unit == 1 && scale > 1)) return std::nullopt;
  const Wide bytes = Wide{*whole} * *unit + Wide{fraction} * *unit / scale;
  if (bytes > kLargest) return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

std::string number_text(double value, int digits) {
  if (std::isnan(value)) return "not a number";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.*g", digits, value);
  return text.data();
}

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < 1000) return std::to_string(bytes) + " B";
  static constexpr std::array kNames = {"kB", "MB", "GB", "TB", "PB", "EB"};
  std::size_t index = 0;
  std::uint64_t unit = 1000;
  const auto hundredths = [&] { return static_cast<std::uint64_t>((Wide{bytes} * 100 + unit / 2) / unit); };
  while (hundredths() >= 100'000 && index + 1 < kNames.size()) {
    unit *= 1000;
    ++index;
  }
  const std::uint64_t value = hundredths();
  const std::uint64_t rest = value % 100;
  return std::to_string(value / 100) + (rest < 10 ? ".0" : ".") + std::to_string(rest) + " " + kNames[index];
}

namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::optional<std::string> closest(std::string_view word, const std::vector<std::string>& known) {
  std::optional<std::string> best;
  std::size_t best_distance = 3;
  for (const std::string& candidate : known) {
    const std::size_t gap =
        candidate.size() > word.size() ? candidate.size() - word.size() : word.size() - candidate.size();
    if (gap > 2) continue;
    const std::size_t distance = edit_distance(word, candidate);
    // Replacing every letter is not a typing mistake.
    if (distance < best_distance && distance < word.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace tt::base
