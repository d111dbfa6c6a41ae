// A weight as numbers: layout and payload, shared by model (which finds it) and codec (which stores it).
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "tensor/dtype.h"

namespace tt::tensor {

// rows x cols is the matrix as stored in the model (rows * cols = number of elements, C order).
struct WeightLayout {
  DType dtype = DType::f32;
  Shape shape;
  std::uint64_t rows = 1, cols = 1;
  std::uint64_t elements() const { return rows * cols; }
  std::uint64_t payload_size() const { return elements() * element_size(dtype); }
};

// A weight with its payload (little-endian, C order, payload_size() bytes).
struct WeightData {
  WeightLayout layout;
  base::Bytes payload;
  std::vector<float> values() const;  // as float32, f64 rounded to nearest
};

}  // namespace tt::tensor
