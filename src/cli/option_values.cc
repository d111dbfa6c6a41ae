#include "cli/option_values.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/pattern.h"
#include "base/text.h"
#include "cli/options.h"

namespace tt::cli {
namespace {

std::string list_of(std::initializer_list<std::string_view> choices) {
  std::string list;
  for (const std::string_view choice : choices) list += (list.empty() ? "" : ", ") + std::string(choice);
  return list;
}

}  // namespace

std::optional<std::uint64_t> parse_integer(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::string problem_of_pattern(const std::string& text) {
  if (text.starts_with("role:")) return {};
  try {
    base::Pattern checked(text);
    return {};
  } catch (const base::Error& error) {
    return error.what();
  }
}

void OptionValue::refuse(const std::string& allowed) const {
  throw base::Error(
      base::ErrorKind::usage,
      "option --" + std::string(option) + " is " + base::quoted(text) + ", but must be " + allowed,
      help_hint(command));
}

std::uint64_t OptionValue::bytes() const {
  const std::optional<std::uint64_t> value = base::parse_bytes(text);
  if (!value || *value == 0) refuse("a number of bytes such as 4096, 10MB or 1.5GiB, above 0");
  return *value;
}

std::uint64_t OptionValue::integer(std::uint64_t least, std::uint64_t most) const {
  const std::optional<std::uint64_t> value = parse_integer(text);
  if (!value || *value < least || *value > most)
    refuse("an integer from " + std::to_string(least) + " to " + std::to_string(most));
  return *value;
}

std::string OptionValue::choice(std::initializer_list<std::string_view> choices) const {
  for (const std::string_view known : choices)
    if (known == text) return text;
  refuse("one of " + list_of(choices));
}

std::string OptionValue::pattern() const {
  const std::string problem = problem_of_pattern(text);
  if (!problem.empty())
    throw base::Error(base::ErrorKind::usage, "option --" + std::string(option) + ": " + problem,
                      help_hint(command));
  return text;
}

std::vector<std::string> OptionValue::parts() const {
  std::vector<std::string> parts;
  std::size_t start = 0;
  while (start <= text.size()) {
    const std::size_t end = std::min(text.find(',', start), text.size());
    parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

std::vector<double> OptionValue::fractions(std::size_t most) const {
  std::vector<double> values;
  for (const std::string& part : parts()) {
    const std::optional<double> value = parse_number(part);
    if (!value || !(*value > 0 && *value < 1) || values.size() == most)
      refuse("1 to " + std::to_string(most) + " numbers above 0 and below 1 with commas between them");
    values.push_back(*value);
  }
  return values;
}

std::vector<std::uint64_t> OptionValue::integers(std::size_t most, std::uint64_t least,
                                                 std::uint64_t largest) const {
  std::vector<std::uint64_t> values;
  for (const std::string& part : parts()) {
    const std::optional<std::uint64_t> value = parse_integer(part);
    if (!value || *value < least || *value > largest || values.size() == most)
      refuse("1 to " + std::to_string(most) + " integers from " + std::to_string(least) + " to " +
             std::to_string(largest) + " with commas between them");
    values.push_back(*value);
  }
  return values;
}

}  // namespace tt::cli
