// Reading untrusted files: pread only (a mapped file that shrinks kills the process), whole ranges or an
// error.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"

namespace tt::base {

// An open regular file, or standard input copied to an unlinked temporary file. Movable; reads are
// thread-safe.
class InputFile {
 public:
  // Opens `path`; "-" is standard input. Errors: not_found (absent, unreadable, a directory or another
  // special file).
  static InputFile open(const std::string& path);
  // Opens `location`, a relative path that must stay below `folder`: no "..", no absolute path, no symbolic
  // link (unless `allow_symlinks`), no hard link, only a regular file. Errors: bad_data (path refused),
  // not_found.
  static InputFile open_beneath(const std::string& folder, const std::string& location,
                                bool allow_symlinks = false);
  // Reads from an open regular file that somebody else keeps; the descriptor is duplicated.
  static InputFile from_descriptor(int descriptor, std::string name);
  // Bytes in memory behave as a file (tests, nested formats).
  static InputFile from_bytes(Bytes bytes, std::string name);

  // The same open file once more.
  InputFile share() const;

  InputFile(InputFile&&) noexcept;
  InputFile& operator=(InputFile&&) noexcept;
  ~InputFile();

  const std::string& name() const;  // as given by the user; "standard input" for "-"
  std::uint64_t size() const;       // at opening
  // Fills `out` from `offset`. Errors: corrupt if the file ends before (it shrank), not_found on an I/O
  // error.
  void read(std::uint64_t offset, std::span<std::uint8_t> out) const;
  Bytes read_bytes(std::uint64_t offset, std::uint64_t length) const;
  // Throws bad_data if size or modification time differ from those at opening.
  void check_unchanged() const;
  // True if `path` names this very file (same device and inode).
  bool is_same_file(const std::string& path) const;

 private:
  struct State;
  explicit InputFile(std::shared_ptr<const State> state);
  std::shared_ptr<const State> state_;
};

}  // namespace tt::base
