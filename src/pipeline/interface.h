// Two models can only be compared if they take and give the same.
#pragma once

#include "runtime/session.h"

namespace tt::pipeline {

// The candidate has the original's inputs and outputs: names, element types, number of axes, and sizes where
// both fix them. Errors: bad_data naming the first that differs.
void check_same_interface(const runtime::Session& original, const runtime::Session& candidate);

}  // namespace tt::pipeline
