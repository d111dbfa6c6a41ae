#include "codec/row_writer.h"

#include "tensor/vector_clones.h"

namespace tt::codec {

TT_VECTOR_CLONES void scale_codes(const std::int32_t* codes, const float* steps, float* out,
                                  std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<float>(codes[i]) * steps[i];
}

}  // namespace tt::codec
