#include "base/posix.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "base/cancel.h"
#include "base/text.h"

namespace tt::base {

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

int Fd::release() {
  return std::exchange(fd_, -1);
}

std::string system_reason(int error) {
  std::string reason = std::generic_category().message(error);
  if (!reason.empty()) reason[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(reason[0])));
  return reason;
}

void throw_system(ErrorKind kind, const std::string& what, int error, std::string hint) {
  throw Error(kind, what + ", " + system_reason(error), std::move(hint));
}

Fd create_spool() {
  const char* variable = std::getenv("TMPDIR");
  const std::string folder = variable != nullptr && *variable != '\0' ? variable : "/tmp";
  Fd fd(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600));
  if (fd.valid()) return fd;
  // Not every file system has O_TMPFILE.
  std::string name = folder + "/tt-spool-XXXXXX";
  fd = Fd(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd.valid()) {
    throw_system(ErrorKind::cannot_create, "cannot create a temporary file in " + quoted(folder), errno,
                 "set TMPDIR to a writable folder");
  }
  ::unlink(name.c_str());
  return fd;
}

int write_all_at(int fd, std::uint64_t offset, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    if (written == 0) return EIO;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return 0;
}

int read_all_at(int fd, std::uint64_t offset, std::span<std::uint8_t> out, std::size_t& done) {
  done = 0;
  while (done < out.size()) {
    const ssize_t got = ::pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    if (got == 0) return 0;
    done += static_cast<std::size_t>(got);
  }
  return 0;
}

namespace {

// Signals may reach another thread than the one that waits, so waiting goes in slices.
void wait_for(int fd, short events) {
  pollfd entry{fd, events, 0};
  do {
    check_cancelled();
  } while (::poll(&entry, 1, 100) <= 0);
}

}  // namespace

int write_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR && errno != EAGAIN) return errno;
    if (written > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    } else {
      wait_for(fd, POLLOUT);
    }
  }
  return 0;
}

void wait_readable(int fd) {
  wait_for(fd, POLLIN);
}

}  // namespace tt::base
