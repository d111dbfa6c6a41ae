// The program `tt`: arguments in, exit status out.
#include <algorithm>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "pipeline/init.h"

namespace {

// Known before the options are parsed, so that wrong ones are reported as JSON too.
bool wants_json(const std::vector<std::string>& arguments) {
  const auto end = std::find(arguments.begin(), arguments.end(), "--");
  return std::find(arguments.begin(), end, "--json") != end;
}

}  // namespace

int main(int argc, char** argv) {
  tt::pipeline::init_numerics();
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  try {
    tt::base::install_signal_handlers();
    tt::cli::run_tt(arguments);
    return 0;
  } catch (...) {
    return tt::cli::report_error(tt::cli::as_error(std::current_exception()), wants_json(arguments));
  }
}
