// Options of the command line: one row each, from which parsing and --help are made. program_options stays in
// options.cc.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tt::cli {

struct OptionSpec {
  std::string_view name = {};   // long name without dashes
  char letter = 0;              // short name, 0 for none
  std::string_view value = {};  // what the value is called in --help; empty for a switch
  std::string_view help = {};   // one line
  bool repeatable = false;
};

// The arguments of one command as the user wrote them: values are still text.
class Arguments {
 public:
  bool has(std::string_view option) const { return values_.find(option) != values_.end(); }
  // The value of an option given at most once; null if it was not given.
  const std::string* value(std::string_view option) const;
  // Text or `fallback`.
  std::string text(std::string_view option, std::string_view fallback = {}) const;
  const std::vector<std::string>& values(std::string_view option) const;
  const std::vector<std::string>& positional() const { return positional_; }

 private:
  friend Arguments parse_arguments(std::string_view command, const std::vector<OptionSpec>& specs,
                                   const std::vector<std::string>& arguments);
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::vector<std::string> positional_;
};

// Options may stand anywhere, abbreviations are refused, "--" ends the options. `command` is only used for
// hints; empty stands for tt itself. Errors: usage (unknown option with a close one, missing, empty or
// unwanted value, an option twice).
Arguments parse_arguments(std::string_view command, const std::vector<OptionSpec>& specs,
                          const std::vector<std::string>& arguments);

// "see 'tt help compress'", or "see 'tt help'" without a command.
std::string help_hint(std::string_view command);

}  // namespace tt::cli
