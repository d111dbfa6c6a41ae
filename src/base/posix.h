// Thin layer over POSIX files for the other units of this folder: owned descriptors, whole reads and writes,
// spools.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace tt::base {

// An owned file descriptor; -1 is none.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int release();

 private:
  int fd_ = -1;
};

// The text of an errno value, first letter in lower case: "no such file or directory".
std::string system_reason(int error);
// Throws "what, reason" of an errno value.
[[noreturn]] void throw_system(ErrorKind kind, const std::string& what, int error, std::string hint = {});

// An unlinked temporary file, mode 0600, in TMPDIR or /tmp. Errors: cannot_create.
Fd create_spool();

// Positioned write of everything, through interruptions and short writes. Returns 0 or the errno value.
int write_all_at(int fd, std::uint64_t offset, ByteView bytes);
// Positioned read until `out` is full or the file ends; `done` gets the number of bytes. Returns 0 or the
// errno value.
int read_all_at(int fd, std::uint64_t offset, std::span<std::uint8_t> out, std::size_t& done);
// Sequential write of everything to a pipe, terminal or file. Returns 0 or the errno value. Errors: as
// check_cancelled().
int write_all(int fd, ByteView bytes);
// Waits until `fd` has something to read or is at its end. Errors: as check_cancelled().
void wait_readable(int fd);

}  // namespace tt::base
