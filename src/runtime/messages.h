// Arrays and signatures as bytes between a process and its child. The child runs a stranger's model: what
// comes from it is checked.
#pragma once

#include "base/bytes.h"
#include "runtime/signature.h"

namespace tt::runtime {

base::Bytes pack_arrays(const NamedArrays& arrays);
base::Bytes pack_signature(const Signature& signature);
// Errors: corrupt.
NamedArrays unpack_arrays(base::ByteView bytes);
Signature unpack_signature(base::ByteView bytes);

}  // namespace tt::runtime
