// The arrays of a sample file, read row by row: what is in memory is what was asked for.
//
// A file is recognised by its content: .npz (zip of .npy, stored or deflated), .npy, safetensors; a folder
// holds ONNX test data (input_0.pb ..., or test_data_set_0/input_0.pb ...). "-" is standard input.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/input_file.h"
#include "runtime/array.h"

namespace tt::runtime {

inline constexpr std::uint64_t kMaxRowBytes =
    std::uint64_t{1} << 30;  // one row of one array, and all of what must be held whole
inline constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 40;  // all arrays of a file, unpacked
inline constexpr std::size_t kMaxArrays = 4096;
inline constexpr std::size_t kMaxRank = 64;

class ArraySource {
 public:
  ArraySource(std::string name, ElementType type, tensor::Shape shape)
      : name_(std::move(name)), type_(type), shape_(std::move(shape)) {}
  ArraySource(const ArraySource&) = delete;
  ArraySource& operator=(const ArraySource&) = delete;
  virtual ~ArraySource() = default;

  const std::string& name() const { return name_; }  // empty for .npy
  ElementType type() const { return type_; }
  const tensor::Shape& shape() const { return shape_; }
  std::uint64_t rows() const { return shape_.empty() ? 1 : shape_[0]; }
  std::uint64_t row_bytes() const { return row_bytes_; }
  // "array 'x' of FILE", for messages.
  const std::string& text() const { return text_; }

  // Rows [begin, begin + count) along the first axis; a scalar has one row and gives itself. Errors: bad_data
  // (outside, unreadable).
  Array read(std::uint64_t begin, std::uint64_t count);

 protected:
  // Checks the claimed size. Errors: bad_data, resource_limit.
  void set_text(const std::string& file);
  virtual void read_bytes(std::uint64_t offset, std::span<std::uint8_t> out) = 0;

 private:
  std::string name_, text_;
  ElementType type_;
  tensor::Shape shape_;
  std::uint64_t row_bytes_ = 0;
};
using ArraySources = std::vector<std::unique_ptr<ArraySource>>;

// Errors: not_found; bad_data: none of these formats, malformed, an element type without a number, pickled
// objects, an array of two files; resource_limit: sizes above the limits.
ArraySources open_arrays(const std::string& path);
ArraySources open_arrays(base::InputFile file);

}  // namespace tt::runtime
