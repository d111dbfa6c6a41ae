// NumPy's .npy: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1 to 3.
// Little-endian numbers and bool only; never pickles.
#pragma once

#include <memory>
#include <string>

#include "runtime/array_source.h"
#include "runtime/byte_stream.h"

namespace tt::runtime {

struct NpyHeader {
  ElementType type = ElementType::f32;
  bool fortran = false;
  tensor::Shape shape;
  std::uint64_t data_offset = 0;
};

bool looks_like_npy(base::ByteView start);  // the first 6 bytes
// The dictionary alone: "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }". Errors: bad_data,
// naming `what`.
NpyHeader parse_npy_dictionary(std::string_view text, const std::string& what);
// Errors: bad_data (malformed, a size other than the shape says), resource_limit. Fortran order is read
// whole.
std::unique_ptr<ArraySource> open_npy(std::shared_ptr<ByteStream> stream, const std::string& name,
                                      const std::string& file);

}  // namespace tt::runtime
