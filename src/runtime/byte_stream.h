// Bytes of a known number that are read mostly forward: a file, or an entry of a zip archive.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/input_file.h"

namespace tt::runtime {

class ByteStream {
 public:
  ByteStream() = default;
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;
  virtual ~ByteStream() = default;
  virtual std::uint64_t size() const = 0;
  // Errors: bad_data or corrupt if there are fewer bytes, or broken ones.
  virtual void read(std::uint64_t offset, std::span<std::uint8_t> out) = 0;
};

class FileStream : public ByteStream {
 public:
  explicit FileStream(std::shared_ptr<const base::InputFile> file) : file_(std::move(file)) {}
  std::uint64_t size() const override { return file_->size(); }
  void read(std::uint64_t offset, std::span<std::uint8_t> out) override { file_->read(offset, out); }

 private:
  std::shared_ptr<const base::InputFile> file_;
};

}  // namespace tt::runtime
