// Choosing the parameters of a code stream, and its size without writing it.
#pragma once

#include "codec/code_coder.h"
#include "codec/code_model.h"

namespace tt::codec {

// The best parameters found on a sample of the rows. The matrix is not empty.
CodeParameters choose_parameters(const CodeMatrix& matrix);

}  // namespace tt::codec
