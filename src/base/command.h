// Another program, run without a shell, and the end of what it printed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tt::base {

inline constexpr std::size_t kOutputTail = 64 << 10;  // bytes of standard output that are kept

// The words of a command line as a POSIX shell splits them: blanks between words, '...', "..." (a backslash
// escapes $ ` " \ and newline), backslashes. Nothing is expanded and no character is an operator. Errors:
// usage (no word, an open quote, a backslash at the end, a zero byte).
std::vector<std::string> split_command(std::string_view text);

// Runs `words` (the first is searched in PATH) in a process group of its own; standard input is empty,
// standard error is ours. Returns the last kOutputTail bytes of standard output. Whatever the group leaves
// behind is killed at the end. Errors: not_found (no such program); bad_data (exit status not 0, killed by a
// signal); resource_limit (longer than `seconds`, no further process); as check_cancelled().
std::string run_command(const std::vector<std::string>& words, double seconds);

}  // namespace tt::base
