#include "cli/same_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/options.h"

namespace tt::cli {

bool is_same_file(const std::string& input, const std::string& output) {
  struct stat a, b;
  const int found = input == "-" ? ::fstat(STDIN_FILENO, &a) : ::stat(input.c_str(), &a);
  if (found != 0 || ::stat(output.c_str(), &b) != 0) return false;
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

void check_output(std::string_view command, std::string_view option, const std::string& input,
                  const std::string& output) {
  if (output == "-" || output.empty()) return;
  if (is_same_file(input, output))
    throw base::Error(
        base::ErrorKind::usage,
        "option --" + std::string(option) + " " + base::quoted(output) + " is the input file itself",
        "choose another output; " + help_hint(command));
}

}  // namespace tt::cli
