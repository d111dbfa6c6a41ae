// A tt.toml from a stranger's checkout.
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "cli/config.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tt;
  const int fd = ::memfd_create("tt.toml", MFD_CLOEXEC);
  fuzz::require(fd >= 0 && ::write(fd, data, size) == static_cast<ssize_t>(size), "a file in memory");
  fuzz::accepts([&] {
    const auto layer = cli::read_config_file("/proc/self/fd/" + std::to_string(fd));
    cli::Config().apply(layer, base::ErrorKind::config, "hint");
    cli::check_untrusted(layer);
  });
  ::close(fd);
  return 0;
}
