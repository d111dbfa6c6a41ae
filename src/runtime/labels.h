// Labels of samples, from a .npy, or an array of a .npz or safetensors file ("y.npz:labels"; the only array
// needs no name).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/array.h"

namespace tt::runtime {

class Labels {
 public:
  // Errors: not_found; bad_data: unreadable, empty, NaN; usage: several arrays and no name.
  static Labels open(const std::string& path);
  explicit Labels(Array array);  // first axis = samples

  std::uint64_t size() const;  // samples
  const Array& array() const { return array_; }
  bool integers() const;
  // Class labels of sample `sample`: one, or one a row. Labels [N, C] of 0 and 1 with one 1 a row are
  // one-hot and count as classes. Errors: bad_data for floats that are no whole numbers.
  std::vector<std::int64_t> classes(std::uint64_t sample) const;
  // Values of sample `sample` (regression).
  std::vector<double> values(std::uint64_t sample) const;

 private:
  Array array_;
};

}  // namespace tt::runtime
