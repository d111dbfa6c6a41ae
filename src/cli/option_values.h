// Checked conversions of option values: the whole text must be the value, in the C locale.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tt::cli {

std::optional<std::uint64_t> parse_integer(std::string_view text);  // decimal digits only
std::optional<double> parse_number(std::string_view text);          // finite, decimal

// Why `text` is no PATTERN (RE2's reason), or empty. `role:NAME` is always one.
std::string problem_of_pattern(const std::string& text);

// Errors (all): usage, naming the option, the value and what is allowed, with the hint of `command`.
// One value of an option of `command`.
struct OptionValue {
  std::string_view command, option;
  const std::string& text;

  std::uint64_t bytes() const;  // 10MB, 1.5GiB, 4096; above 0
  std::uint64_t integer(std::uint64_t least, std::uint64_t most) const;
  std::string choice(std::initializer_list<std::string_view> choices) const;
  std::string pattern() const;
  // Lists with commas between the parts, 1 to `most` of them.
  std::vector<double> fractions(std::size_t most) const;  // each above 0 and below 1
  std::vector<std::uint64_t> integers(std::size_t most, std::uint64_t least, std::uint64_t largest) const;
  std::vector<std::string> parts() const;  // as they are, empty ones too
  [[noreturn]] void refuse(const std::string& allowed) const;
};

}  // namespace tt::cli
