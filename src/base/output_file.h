// Atomic publication: everything is written to `.NAME.tt-tmp` in the same folder and renamed at commit().
// Without commit() the destructor removes the temporary file and the old file stays as it was, byte for byte.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/input_file.h"

namespace tt::base {

class OutputFile {
 public:
  // "-" is standard output: data is spooled to an unlinked temporary file and copied out at commit().
  // A symbolic link at `path` is replaced, never followed. Errors: cannot_create, locked (another tt writes
  // the same path).
  static OutputFile create(const std::string& path);

  OutputFile(OutputFile&&) noexcept;
  OutputFile& operator=(OutputFile&&) noexcept;
  ~OutputFile();

  const std::string& path() const;
  bool is_stdout() const;
  // Writes at an absolute offset; ranges may be written in any order and from several threads. Errors:
  // write_failed.
  void write(std::uint64_t offset, ByteView bytes);
  // Reserves the final size, so that a full disk is found before the work. Errors: write_failed.
  void allocate(std::uint64_t size);
  // Reads back what was written (verification before publication).
  void read(std::uint64_t offset, std::span<std::uint8_t> out) const;
  std::uint64_t size() const;
  // What was written so far, as an input.
  InputFile reopen() const;
  // fsync, rename, fsync of the folder. Errors: write_failed; the old file is then still in place.
  void commit();

 private:
  struct State;
  explicit OutputFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tt::base
