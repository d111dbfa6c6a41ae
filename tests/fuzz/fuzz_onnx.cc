// The walk over an ONNX model (or whatever the bytes are taken for).
#include "open_model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tt::fuzz::open_model({data, size});
  return 0;
}
