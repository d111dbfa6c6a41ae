#include "base/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "base/beneath.h"
#include "base/cancel.h"
#include "base/checked.h"
#include "base/posix.h"
#include "base/text.h"

namespace tt::base {

struct InputFile::State {
  std::string name;
  Fd fd;
  std::optional<Bytes> memory;  // instead of fd
  struct stat status {};
  std::uint64_t size = 0;

  void take(Fd opened) {
    fd = std::move(opened);
    if (::fstat(fd.get(), &status) != 0)
      throw_system(ErrorKind::not_found, "cannot read " + quoted(name), errno);
    size = static_cast<std::uint64_t>(status.st_size);
  }
};

namespace {

constexpr std::size_t kPiece = 1 << 20;

// Why the file cannot be used as input; null for a regular file.
const char* why_not_regular(const struct stat& status) {
  if (S_ISREG(status.st_mode)) return nullptr;
  return S_ISDIR(status.st_mode) ? "it is a folder" : "it is not a regular file";
}

[[noreturn]] void throw_spool_full(int error) {
  throw_system(ErrorKind::write_failed, "cannot keep standard input in a temporary file", error,
               "set TMPDIR to a folder with more space");
}

Fd spool_standard_input() {
  Fd spool = create_spool();
  Bytes piece(kPiece);
  std::uint64_t total = 0;
  for (;;) {
    wait_readable(STDIN_FILENO);
    const ssize_t got = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) throw_system(ErrorKind::not_found, "cannot read standard input", errno);
    if (got == 0) return spool;
    const int error = write_all_at(spool.get(), total, ByteView(piece).first(static_cast<std::size_t>(got)));
    if (error != 0) throw_spool_full(error);
    total += static_cast<std::uint64_t>(got);
  }
}

// A file redirected from its start needs no copy.
Fd open_standard_input() {
  struct stat status {};
  if (::fstat(STDIN_FILENO, &status) != 0)
    throw_system(ErrorKind::not_found, "cannot read standard input", errno);
  if (S_ISREG(status.st_mode) && ::lseek(STDIN_FILENO, 0, SEEK_CUR) == 0) {
    Fd copy(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
    if (copy.valid()) return copy;
  }
  return spool_standard_input();
}

}  // namespace

InputFile::InputFile(std::shared_ptr<const State> state) : state_(std::move(state)) {}
InputFile::InputFile(InputFile&&) noexcept = default;
InputFile& InputFile::operator=(InputFile&&) noexcept = default;
InputFile::~InputFile() = default;

InputFile InputFile::open(const std::string& path) {
  auto state = std::make_unique<State>();
  if (path == "-") {
    state->name = "standard input";
    state->take(open_standard_input());
    return InputFile(std::move(state));
  }
  state->name = path;
  if (path.find('\0') != std::string::npos) {
    throw Error(ErrorKind::not_found, "cannot read " + quoted(path) + ", the name contains a NUL byte");
  }
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) throw_system(ErrorKind::not_found, "cannot read " + quoted(path), errno);
  state->take(std::move(fd));
  if (const char* why = why_not_regular(state->status)) {
    throw Error(ErrorKind::not_found, "cannot read " + quoted(path) + ", " + why,
                S_ISDIR(state->status.st_mode) ? "" : "pipe it in and give - as the file");
  }
  return InputFile(std::move(state));
}

InputFile InputFile::open_beneath(const std::string& folder, const std::string& location,
                                  bool allow_symlinks) {
  auto state = std::make_unique<State>();
  state->name = location;
  state->take(open_path_beneath(folder, location, allow_symlinks));
  const char* why = why_not_regular(state->status);
  if (why == nullptr && state->status.st_nlink > 1) why = "it is a hard link";
  if (why != nullptr) throw Error(ErrorKind::bad_data, "refused path " + quoted(location) + ", " + why);
  return InputFile(std::move(state));
}

InputFile InputFile::from_descriptor(int descriptor, std::string name) {
  auto state = std::make_unique<State>();
  state->name = std::move(name);
  Fd copy(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) throw_system(ErrorKind::not_found, "cannot read " + quoted(state->name), errno);
  state->take(std::move(copy));
  return InputFile(std::move(state));
}

InputFile InputFile::from_bytes(Bytes bytes, std::string name) {
  auto state = std::make_unique<State>();
  state->name = std::move(name);
  state->size = bytes.size();
  state->memory = std::move(bytes);
  return InputFile(std::move(state));
}

InputFile InputFile::share() const {
  return InputFile(state_);
}

const std::string& InputFile::name() const {
  return state_->name;
}
std::uint64_t InputFile::size() const {
  return state_->size;
}

namespace {

void check_range(const std::string& name, std::uint64_t offset, std::uint64_t length, std::uint64_t size) {
  if (range_inside(offset, length, size)) return;
  throw Error(ErrorKind::corrupt, quoted(name) + " ends too early, it has " + std::to_string(size) +
                                      " bytes and " + std::to_string(length) + " were wanted from " +
                                      std::to_string(offset));
}

}  // namespace

void InputFile::read(std::uint64_t offset, std::span<std::uint8_t> out) const {
  check_range(state_->name, offset, out.size(), state_->size);
  if (out.empty()) return;
  if (const std::optional<Bytes>& memory = state_->memory) {
    std::memcpy(out.data(), memory->data() + offset, out.size());
    return;
  }
  std::size_t done = 0;
  const int error = read_all_at(state_->fd.get(), offset, out, done);
  if (error != 0) throw_system(ErrorKind::not_found, "cannot read " + quoted(state_->name), error);
  if (done < out.size()) {
    throw Error(ErrorKind::corrupt, quoted(state_->name) + " ends too early, it shrank while it was read");
  }
}

Bytes InputFile::read_bytes(std::uint64_t offset, std::uint64_t length) const {
  check_range(state_->name, offset, length, state_->size);  // before the allocation
  Bytes bytes(length);
  read(offset, bytes);
  return bytes;
}

void InputFile::check_unchanged() const {
  if (state_->memory) return;
  struct stat now {};
  const struct stat& then = state_->status;
  if (::fstat(state_->fd.get(), &now) != 0)
    throw_system(ErrorKind::not_found, "cannot read " + quoted(state_->name), errno);
  if (now.st_size != then.st_size || now.st_mtim.tv_sec != then.st_mtim.tv_sec ||
      now.st_mtim.tv_nsec != then.st_mtim.tv_nsec) {
    throw Error(ErrorKind::bad_data, quoted(state_->name) + " was changed while it was read",
                "run again when nothing writes to it");
  }
}

bool InputFile::is_same_file(const std::string& path) const {
  struct stat other {};
  if (state_->memory || ::stat(path.c_str(), &other) != 0) return false;
  return other.st_dev == state_->status.st_dev && other.st_ino == state_->status.st_ino;
}

}  // namespace tt::base
