#include "model/fold_broadcast.h"

namespace tt::model {

StridedIndex::StridedIndex(tensor::Shape shape, std::vector<std::uint64_t> strides)
    : shape_(std::move(shape)), strides_(std::move(strides)), at_(shape_.size(), 0) {}

std::uint64_t StridedIndex::next() {
  const std::uint64_t here = index_;
  for (std::size_t d = shape_.size(); d-- > 0;) {
    index_ += strides_[d];
    if (++at_[d] < shape_[d]) break;
    index_ -= strides_[d] * shape_[d];
    at_[d] = 0;
  }
  return here;
}

std::vector<std::uint64_t> dense_strides(const tensor::Shape& shape) {
  std::vector<std::uint64_t> strides(shape.size());
  std::uint64_t stride = 1;
  for (std::size_t d = shape.size(); d-- > 0; stride *= shape[d]) strides[d] = stride;
  return strides;
}

std::optional<std::vector<std::uint64_t>> broadcast_strides(const tensor::Shape& from,
                                                            const tensor::Shape& to) {
  if (from.size() > to.size()) return std::nullopt;
  const std::size_t missing = to.size() - from.size();
  std::vector<std::uint64_t> strides(missing, 0);
  const std::vector<std::uint64_t> dense = dense_strides(from);
  for (std::size_t d = 0; d < from.size(); ++d) {
    if (from[d] != to[missing + d] && from[d] != 1) return std::nullopt;
    strides.push_back(from[d] == 1 ? 0 : dense[d]);
  }
  return strides;
}

}  // namespace tt::model
