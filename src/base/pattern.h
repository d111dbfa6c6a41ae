// User patterns: RE2, unanchored search, linear time (std::regex overflows the stack on long names).
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace tt::base {

class Pattern {
 public:
  // Errors: usage, with RE2's reason.
  explicit Pattern(const std::string& text);
  bool matches(std::string_view name) const;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::shared_ptr<const void> compiled_;
};

}  // namespace tt::base
