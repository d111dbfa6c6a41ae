// Whether two layers are less work than one.
//
// Multiply-adds of one row or point: rows * cols against rank * (rows + cols). Kernels must win once more
// with channels in blocks of 16, the way runtimes compute them (measured with ONNX Runtime: a kernel of 32
// outputs with rank 20 takes 1.1 times as long as the dense one, with rank 16 0.6 times): with B(n) = n
// rounded up to 16, B(rows) * cols against B(rank) * cols + B(rows) * B(rank). At least a sixteenth must be
// saved, which pays for the second node (measured: a transformer with 0.97 of the multiply-adds took 1.02
// times as long). Tables cost no multiply-adds, there the elements count.
#pragma once

#include <string>
#include <string_view>

#include "model/factor.h"

namespace tt::model {

// Why a layer of `op` stays dense; empty if it is to be factored. Errors: bad_data on overflow.
std::string price_factors(const FactorShape& shape, std::string_view op);

}  // namespace tt::model
