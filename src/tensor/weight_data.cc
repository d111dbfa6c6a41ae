#include "tensor/weight_data.h"

namespace tt::tensor {

std::vector<float> WeightData::values() const {
  std::vector<float> out(payload.size() / element_size(layout.dtype));
  to_float(layout.dtype, payload, out);
  return out;
}

}  // namespace tt::tensor
