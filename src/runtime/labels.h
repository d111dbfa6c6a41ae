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
  // Errors: not_found; bad_data: unreadable, empty, a single number, not finite; usage: several arrays and no
  // name, an array that the file lacks; resource_limit: above kMaxRowBytes.
  static Labels open(const std::string& path);
  // First axis = samples. Errors: bad_data as above.
  explicit Labels(Array array);

  std::uint64_t size() const;  // samples
  const Array& array() const { return array_; }
  // Class labels: integers, bool or one-hot: [N, C] of 0 and 1 of any type with exactly one 1 a row.
  bool integers() const;
  std::uint64_t per_sample() const;  // labels; 1 if one-hot
  // Class labels of sample `sample`, per_sample() of them. Errors: bad_data for floats that are no whole
  // numbers.
  std::vector<std::int64_t> classes(std::uint64_t sample) const;
  // Values of sample `sample` (regression).
  std::vector<double> values(std::uint64_t sample) const;

 private:
  Array slice(std::uint64_t sample) const;

  Array array_;
  bool one_hot_ = false;
};

}  // namespace tt::runtime
