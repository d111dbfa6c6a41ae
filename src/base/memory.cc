#include "base/memory.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>

#include "base/posix.h"

namespace tt::base {

std::uint64_t peak_rss_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

void forbid_core_dumps() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::prctl(PR_SET_DUMPABLE, 0) != 0) {
    throw_system(ErrorKind::internal, "cannot forbid core dumps", errno);
  }
}

}  // namespace tt::base
