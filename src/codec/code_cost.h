// The size of a code stream without writing it.
#pragma once

#include "codec/code_coder.h"
#include "codec/code_model.h"

namespace tt::codec {

// Bits of a matrix, and of those the bits of its second half.
struct Cost {
  double bits = 0, second_half = 0;
};

// Of all elements, as the model that adapts to them would code them; header and lanes come on top.
Cost cost_of(const CodeMatrix& matrix, const CodeParameters& parameters);

}  // namespace tt::codec
