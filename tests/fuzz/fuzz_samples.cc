// A file of samples: .npz, .npy or safetensors by its content, every array opened and read.
#include <algorithm>

#include "base/error.h"
#include "runtime/array_source.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tt;
  try {
    for (const auto& source : runtime::open_arrays(base::InputFile::from_bytes({data, data + size}, "samples"))) {
      // Deflated zeros may claim any size.
      const std::uint64_t rows = std::min<std::uint64_t>(source->rows(), 4);
      if (source->row_bytes() > (1 << 20)) continue;
      source->read(source->rows() - rows, rows);
      source->read(0, rows);
    }
  } catch (const base::Error&) {
  }
  return 0;
}
