// A folder in the form of ONNX's backend tests: input_K.pb (one TensorProto each), or several such folders
// test_data_set_K.
#pragma once

#include <string>

#include "runtime/array_source.h"

namespace tt::runtime {

// One TensorProto. Errors: bad_data (malformed, no numbers, external data, sizes that do not fit),
// resource_limit.
NamedArray read_tensor_proto(const base::InputFile& file);

// One array for each K, named as its TensorProto or else "#K"; each set is one row along a new first axis: a
// sample is a whole input. Errors: not_found, bad_data (no input_0.pb, sets of different inputs or shapes),
// resource_limit (above kMaxRowBytes together).
ArraySources open_test_data(const std::string& folder);

}  // namespace tt::runtime
