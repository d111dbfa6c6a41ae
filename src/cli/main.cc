// The program `tt`: arguments in, exit status out.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
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

// OpenBLAS starts a thread when it is loaded; if a limit (`ulimit -v`) keeps that thread from getting its
// buffer it tries for ever, and an ordinary exit would wait for it.
int leave(int status) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return status;
  std::fflush(stderr);
  std::quick_exit(status);
}

}  // namespace

int main(int argc, char** argv) {
  tt::pipeline::init_numerics();
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  try {
    tt::base::install_signal_handlers();
    tt::cli::run_tt(arguments);
    return leave(0);
  } catch (...) {
    return leave(tt::cli::report_error(tt::cli::as_error(std::current_exception()), wants_json(arguments)));
  }
}
