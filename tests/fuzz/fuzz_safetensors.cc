// A safetensors file: the input is the header's text, a zero byte, then the data. The length in front is put
// right, so that the fuzzer reaches what lies behind it; fuzz_onnx sees wrong ones.
#include <algorithm>

#include "open_model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tt;
  const std::uint8_t* end = std::find(data, data + size, 0);
  base::Bytes file;
  base::append_le<std::uint64_t>(file, static_cast<std::uint64_t>(end - data));
  file.insert(file.end(), data, end);
  if (end != data + size) file.insert(file.end(), end + 1, data + size);
  fuzz::open_model(file);
  return 0;
}
