#include "base/cancel.h"

#include <atomic>
#include <csignal>

#include "base/error.h"

namespace tt::base {
namespace {

std::atomic<int> received{0};
static_assert(std::atomic<int>::is_always_lock_free, "the flag is set in a signal handler");

void on_signal(int signal) {
  if (received.exchange(signal) == 0) return;
  // Delivered when this handler returns.
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace

void install_signal_handlers() {
  struct sigaction action {};
  sigemptyset(&action.sa_mask);
  action.sa_handler = on_signal;  // without SA_RESTART: a blocked read or write returns and looks at the flag
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  // A closed pipe and the file size limit become write errors.
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
  ::sigaction(SIGXFSZ, &action, nullptr);
}

void check_cancelled() {
  switch (received.load(std::memory_order_relaxed)) {
    case 0:
      return;
    case SIGTERM:
      throw Error(ErrorKind::terminated, "terminated by a signal");
    default:
      throw Error(ErrorKind::interrupted, "interrupted");
  }
}

}  // namespace tt::base
