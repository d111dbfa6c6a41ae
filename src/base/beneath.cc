#include "base/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/text.h"

namespace tt::base {
namespace {

// O_NONBLOCK: opening a FIFO must not wait for a writer.
constexpr int kReadFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

std::vector<std::string> components_of(const std::string& location) {
  std::vector<std::string> components;
  std::size_t begin = 0;
  while (begin <= location.size()) {
    const std::size_t end = std::min(location.find('/', begin), location.size());
    const std::string part = location.substr(begin, end - begin);
    if (!part.empty() && part != ".") components.push_back(part);
    begin = end + 1;
  }
  return components;
}

[[noreturn]] void refuse(const std::string& location, const std::string& why, std::string hint = {}) {
  throw Error(ErrorKind::bad_data, "refused path " + quoted(location) + ", " + why, std::move(hint));
}

void check_spelling(const std::string& location, const std::vector<std::string>& components) {
  if (location.find('\0') != std::string::npos) refuse(location, "it contains a NUL byte");
  if (location.starts_with('/')) refuse(location, "it is absolute");
  if (components.empty()) refuse(location, "it names no file");
  for (const std::string& part : components) {
    if (part == "..") refuse(location, "it leaves its folder");
  }
}

// Returns the descriptor, or -1 with errno; ELOOP stands for a symbolic link anywhere on the way.
int open_by_walk(int folder, const std::vector<std::string>& components) {
  Fd held;
  int at = folder;
  for (std::size_t i = 0; i < components.size(); ++i) {
    const char* name = components[i].c_str();
    if (i + 1 == components.size()) return ::openat(at, name, kReadFlags | O_NOFOLLOW);
    const int next = ::openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0) {
      const int error = errno;
      struct stat status {};
      const bool is_link = ::fstatat(at, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
      errno = is_link ? ELOOP : error;
      return -1;
    }
    held = Fd(next);
    at = next;
  }
  errno = ENOENT;
  return -1;
}

int open_by_kernel(int folder, const std::string& location, const std::vector<std::string>& components) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(kReadFlags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const long fd = ::syscall(SYS_openat2, folder, location.c_str(), &how, sizeof how);
  if (fd >= 0) return static_cast<int>(fd);
  // ENOSYS: older kernel; EPERM: seccomp filter; EAGAIN: a rename elsewhere raced with the check.
  if (errno == ENOSYS || errno == EPERM || errno == EAGAIN) return open_by_walk(folder, components);
  return -1;
}

}  // namespace

Fd open_path_beneath(const std::string& folder, const std::string& location, bool allow_symlinks,
                     Resolver resolver) {
  const std::vector<std::string> components = components_of(location);
  check_spelling(location, components);
  const Fd base(::open(folder.empty() ? "." : folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!base.valid()) throw_system(ErrorKind::not_found, "cannot open folder " + quoted(folder), errno);
  int fd = -1;
  if (allow_symlinks) {
    fd = ::openat(base.get(), location.c_str(), kReadFlags);
  } else if (resolver == Resolver::kernel) {
    fd = open_by_kernel(base.get(), location, components);
  } else {
    fd = open_by_walk(base.get(), components);
  }
  if (fd >= 0) return Fd(fd);
  if (errno == ELOOP && !allow_symlinks) {
    refuse(location, "a symbolic link is on the way", "copy the file to its place, or allow symbolic links");
  }
  if (errno == EXDEV) refuse(location, "it leaves its folder");
  throw_system(ErrorKind::not_found, "cannot open " + quoted(location) + " in " + quoted(folder), errno);
}

}  // namespace tt::base
