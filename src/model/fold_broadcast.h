// Indices of tensors that are read in another order than they lie.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tensor/dtype.h"

namespace tt::model {

// Walks over all elements of `shape` in C order; gives the flat index of each in a tensor with `strides` (in
// elements, one a dimension, 0 where it is repeated).
class StridedIndex {
 public:
  StridedIndex(tensor::Shape shape, std::vector<std::uint64_t> strides);
  // The index of the current element; goes on to the next.
  std::uint64_t next();

 private:
  tensor::Shape shape_;
  std::vector<std::uint64_t> strides_, at_;
  std::uint64_t index_ = 0;
};

// Strides of a dense tensor.
std::vector<std::uint64_t> dense_strides(const tensor::Shape& shape);
// Strides of a tensor of shape `from` seen as `to` (broadcast as in NumPy); nothing if that is impossible.
std::optional<std::vector<std::uint64_t>> broadcast_strides(const tensor::Shape& from,
                                                            const tensor::Shape& to);

}  // namespace tt::model
