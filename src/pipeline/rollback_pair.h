// Whether a rollback file belongs to a compressed one.
#pragma once

#include <string>

#include "container/container.h"

namespace tt::pipeline {

// Why `rollback` is not a lossless .tt of the very files that `file` was compressed from, in words, or empty:
// names and sha256 of all of them are the same. Edits of `file` do not matter. Both only say so: that
// `rollback` restores files of these hashes shows when it is restored (check_integrity(), pipeline/verify.h).
std::string pair_obstacle(const container::Container& file, const container::Container& rollback);

}  // namespace tt::pipeline
