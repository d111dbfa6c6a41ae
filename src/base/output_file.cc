#include "base/output_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <limits>
#include <mutex>

#include "base/cancel.h"
#include "base/checked.h"
#include "base/posix.h"
#include "base/text.h"

namespace tt::base {

struct OutputFile::State {
  std::string path;
  bool is_stdout = false;
  Fd data;  // the temporary file or the spool
  std::atomic<std::uint64_t> size{0};
  bool committed = false;
  Fd folder;                    // atomic publication: where the temporary file lies
  std::string name, temporary;  // both in `folder`
  Fd device;                    // publication by copying, where it is not standard output

  bool copies() const { return is_stdout || device.valid(); }
  void grow(std::uint64_t end) {
    std::uint64_t seen = size.load();
    while (seen < end && !size.compare_exchange_weak(seen, end)) {
    }
  }
  // The lock is still held, so the name can only be that of our own file.
  void discard() {
    if (!temporary.empty()) ::unlinkat(folder.get(), temporary.c_str(), 0);
    temporary.clear();
  }
  ~State() { discard(); }
};

namespace {

constexpr std::size_t kPiece = 1 << 20;
constexpr mode_t kDefaultMode = 0666;
constexpr int kOpenTries = 100;

[[noreturn]] void refuse(const std::string& path, const std::string& why, std::string hint = {}) {
  throw Error(ErrorKind::cannot_create, "cannot create " + quoted(path) + ", " + why, std::move(hint));
}

[[noreturn]] void fail_to_write(const std::string& path, int error) {
  throw_system(ErrorKind::write_failed, "cannot write " + (path == "-" ? "standard output" : quoted(path)),
               error, error == ENOSPC || error == EDQUOT ? "free some space" : "");
}

bool same_inode(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// The links in /dev and /proc stand for open files and must not be replaced by a model.
bool is_kernel_folder(int folder) {
  struct statfs system {};
  if (::fstatfs(folder, &system) == 0 && system.f_type == PROC_SUPER_MAGIC) return true;
  struct stat here {
  }, dev{};
  return ::fstat(folder, &here) == 0 && ::stat("/dev", &dev) == 0 && same_inode(here, dev);
}

// True if data must be copied into what stands at the path (a device or a FIFO) instead of replacing it.
bool is_device(const std::string& path, int folder, const std::string& name) {
  struct stat status {};
  if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return false;
  const bool kernel_link = S_ISLNK(status.st_mode) && is_kernel_folder(folder);
  if (kernel_link && ::fstatat(folder, name.c_str(), &status, 0) != 0) return false;
  if (S_ISCHR(status.st_mode) || S_ISFIFO(status.st_mode)) return true;
  if (S_ISDIR(status.st_mode)) refuse(path, "it is a folder");
  if (kernel_link) refuse(path, "it is a link of the system", "give - for standard output");
  if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode)) refuse(path, "it is not a regular file");
  return false;
}

Fd open_device(const std::string& path, int folder, const std::string& name) {
  for (;;) {
    Fd fd(::openat(folder, name.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
    if (fd.valid()) return fd;
    if (errno != EINTR) throw_system(ErrorKind::cannot_create, "cannot create " + quoted(path), errno);
    check_cancelled();
  }
}

// What the temporary file's name led to must be ours alone before anything is written to it.
void check_temporary(const std::string& path, const struct stat& status) {
  const std::string hint = "remove the temporary file beside it";
  if (!S_ISREG(status.st_mode)) refuse(path, "its temporary file is not a regular file", hint);
  if (status.st_nlink > 1) refuse(path, "its temporary file is a hard link", hint);
  if (status.st_uid != ::geteuid()) refuse(path, "its temporary file belongs to another user", hint);
}

// One try to open and lock the temporary file; invalid if it was renamed or removed by its writer meanwhile.
Fd try_temporary(const std::string& path, int folder, const std::string& temporary) {
  Fd fd(::openat(folder, temporary.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                 0600));
  if (!fd.valid()) {
    if (errno == ELOOP)
      refuse(path, "its temporary file is a symbolic link", "remove the temporary file beside it");
    throw_system(ErrorKind::cannot_create, "cannot create " + quoted(path), errno);
  }
  struct stat opened {
  }, named{};
  if (::fstat(fd.get(), &opened) != 0)
    throw_system(ErrorKind::cannot_create, "cannot create " + quoted(path), errno);
  check_temporary(path, opened);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) throw_system(ErrorKind::cannot_create, "cannot lock " + quoted(path), errno);
    throw Error(ErrorKind::locked, "cannot write " + quoted(path) + ", another tt writes it",
                "wait until it has ended");
  }
  const bool still_there = ::fstatat(folder, temporary.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0;
  return still_there && same_inode(opened, named) ? std::move(fd) : Fd();
}

Fd open_temporary(const std::string& path, int folder, const std::string& temporary) {
  for (int i = 0; i < kOpenTries; ++i) {
    Fd fd = try_temporary(path, folder, temporary);
    if (!fd.valid()) continue;
    if (::ftruncate(fd.get(), 0) != 0) fail_to_write(path, errno);
    return fd;
  }
  throw Error(ErrorKind::locked, "cannot write " + quoted(path) + ", others write it again and again");
}

// The umask can only be read by setting it; the value in between is the strictest, should another thread
// create a file.
mode_t current_umask() {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  const mode_t mask = ::umask(0777);
  ::umask(mask);
  return mask;
}

mode_t mode_for(int folder, const std::string& name) {
  struct stat old {};
  if (::fstatat(folder, name.c_str(), &old, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(old.st_mode))
    return old.st_mode & 0777;
  return kDefaultMode & ~current_umask();
}

void copy_out(int from, std::uint64_t size, int to, const std::string& path) {
  Bytes piece(static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, size)));
  for (std::uint64_t offset = 0; offset < size;) {
    check_cancelled();
    std::size_t done = 0;
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, size - offset));
    int error = read_all_at(from, offset, std::span(piece).first(want), done);
    if (error == 0) error = done == want ? write_all(to, ByteView(piece).first(want)) : EIO;
    if (error != 0) fail_to_write(path, error);
    offset += want;
  }
}

}  // namespace

OutputFile::OutputFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
OutputFile::OutputFile(OutputFile&&) noexcept = default;
OutputFile& OutputFile::operator=(OutputFile&&) noexcept = default;
OutputFile::~OutputFile() = default;

OutputFile OutputFile::create(const std::string& path) {
  auto state = std::make_unique<State>();
  state->path = path;
  if (path == "-" || path == "/dev/stdout") {
    if (::fcntl(STDOUT_FILENO, F_GETFD) < 0)
      throw_system(ErrorKind::cannot_create, "cannot write standard output", errno);
    state->is_stdout = true;
    state->data = create_spool();
    return OutputFile(std::move(state));
  }
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (path.find('\0') != std::string::npos) refuse(path, "the name contains a NUL byte");
  if (name.empty() || name == "." || name == "..") refuse(path, "it names no file");
  state->folder = Fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!state->folder.valid()) throw_system(ErrorKind::cannot_create, "cannot create " + quoted(path), errno);
  if (is_device(path, state->folder.get(), name)) {
    state->device = open_device(path, state->folder.get(), name);
    state->data = create_spool();
    return OutputFile(std::move(state));
  }
  const std::string temporary = "." + name + ".tt-tmp";
  state->data = open_temporary(path, state->folder.get(), temporary);
  state->name = name;
  state->temporary = temporary;  // from here on it is ours to remove
  return OutputFile(std::move(state));
}

const std::string& OutputFile::path() const {
  return state_->path;
}
bool OutputFile::is_stdout() const {
  return state_->is_stdout;
}
std::uint64_t OutputFile::size() const {
  return state_->size.load();
}

namespace {

void check_end(const std::string& path, std::uint64_t offset, std::uint64_t length) {
  const auto largest = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
  if (!range_inside(offset, length, largest)) fail_to_write(path, EFBIG);
}

}  // namespace

void OutputFile::write(std::uint64_t offset, ByteView bytes) {
  if (state_->committed)
    throw Error(ErrorKind::internal, "write to " + quoted(state_->path) + " after its commit");
  check_end(state_->path, offset, bytes.size());
  if (bytes.empty()) return;
  const int error = write_all_at(state_->data.get(), offset, bytes);
  if (error != 0) fail_to_write(state_->path, error);
  state_->grow(offset + bytes.size());
}

namespace {

// A file system may fill itself before it says that a reservation is too large: whoever writes beside us would
// feel that, so the free space is asked for first.
void check_free_space(const std::string& path, int fd, std::uint64_t bytes) {
  struct statvfs free {};
  if (::fstatvfs(fd, &free) != 0 || free.f_blocks == 0) return;
  if (bytes / free.f_frsize > free.f_bavail) fail_to_write(path, ENOSPC);
}

}  // namespace

void OutputFile::allocate(std::uint64_t size) {
  check_end(state_->path, 0, size);
  const std::uint64_t written = state_->size.load();
  if (size <= written) return;
  check_free_space(state_->path, state_->data.get(), size - written);
  int result = 0;
  do {
    result = ::fallocate(state_->data.get(), 0, 0, static_cast<off_t>(size));
    if (result != 0 && errno == EINTR) check_cancelled();
  } while (result != 0 && errno == EINTR);
  // Where space cannot be reserved, only the size is set.
  if (result != 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
    result = ::ftruncate(state_->data.get(), static_cast<off_t>(size));
  if (result != 0) fail_to_write(state_->path, errno);
  state_->grow(size);
}

void OutputFile::read(std::uint64_t offset, std::span<std::uint8_t> out) const {
  if (!range_inside(offset, out.size(), size())) {
    throw Error(ErrorKind::internal, "read beyond the end of the new " + quoted(state_->path));
  }
  std::size_t done = 0;
  const int error = read_all_at(state_->data.get(), offset, out, done);
  if (error != 0 || done < out.size()) fail_to_write(state_->path, error != 0 ? error : EIO);
}

InputFile OutputFile::reopen() const {
  return InputFile::from_descriptor(state_->data.get(), state_->path);
}

void OutputFile::commit() {
  State& state = *state_;
  if (state.committed) throw Error(ErrorKind::internal, "second commit of " + quoted(state.path));
  if (state.copies()) {
    copy_out(state.data.get(), state.size.load(), state.is_stdout ? STDOUT_FILENO : state.device.get(),
             state.path);
    state.committed = true;
    return;
  }
  const int folder = state.folder.get();
  // A failed fsync is never tried again: the kernel may have dropped the pages and would report success.
  if (::fchmod(state.data.get(), mode_for(folder, state.name)) != 0 || ::fsync(state.data.get()) != 0 ||
      ::renameat(folder, state.temporary.c_str(), folder, state.name.c_str()) != 0) {
    const int error = errno;
    state.discard();
    fail_to_write(state.path, error);
  }
  state.temporary.clear();
  state.committed = true;
  // EINVAL: the file system has no fsync for folders.
  if (::fsync(folder) != 0 && errno != EINVAL) fail_to_write(state.path, errno);
}

}  // namespace tt::base
