// An array that is in memory, by rows.
#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include "runtime/array_source.h"

namespace tt::runtime {

class MemorySource : public ArraySource {
 public:
  MemorySource(NamedArray array, const std::string& file)
      : ArraySource(std::move(array.name), array.array.type, std::move(array.array.shape)),
        data_(std::move(array.array.data)) {
    set_text(file);
  }

 private:
  void read_bytes(std::uint64_t offset, std::span<std::uint8_t> out) override {
    std::copy_n(data_.data() + offset, out.size(), out.data());
  }

  base::Bytes data_;
};

}  // namespace tt::runtime
