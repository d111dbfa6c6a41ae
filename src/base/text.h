// Text for people: escaping of names from strangers, sizes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tt::base {

// Control characters, invalid UTF-8, bidirectional marks and backslashes escaped; cut after `limit`
// characters with "...".
std::string printable(std::string_view name, std::size_t limit = 200);
// printable() in single quotes, for messages.
std::string quoted(std::string_view name);

// "10MB", "1.5GiB", "4096", "12kB"; empty if malformed, negative or above 2^63.
std::optional<std::uint64_t> parse_bytes(std::string_view text);
// Rounded to `digits` significant ones, for messages; "not a number" for NaN.
std::string number_text(double value, int digits = 4);
// "1.23 MB" (10^6), for people.
std::string format_bytes(std::uint64_t bytes);
// A close word of `known` for a mistyped one (edit distance <= 2), or nothing.
std::optional<std::string> closest(std::string_view word, const std::vector<std::string>& known);

}  // namespace tt::base
