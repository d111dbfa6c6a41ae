// Process limits and use.
#pragma once

#include <cstdint>

namespace tt::base {

std::uint64_t peak_rss_bytes();
// RLIMIT_AS: later allocations above it throw std::bad_alloc (reported as resource_limit).
void limit_address_space(std::uint64_t bytes);
// No core dumps and no ptrace: keys and weights stay in the process.
void forbid_core_dumps();

}  // namespace tt::base
