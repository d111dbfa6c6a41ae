// Process limits and use.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace tt::base {

std::uint64_t peak_rss_bytes();
// Bytes that operator new has given out and not got back.
std::uint64_t heap_bytes();
// From now on operator new throws std::bad_alloc (reported as resource_limit) rather than let heap_bytes()
// exceed `bytes`. Not RLIMIT_AS: OpenBLAS reserves 128 MiB of address space a thread and waits forever if it
// cannot have them. Memory that libraries take by malloc is not counted. Without effect under
// AddressSanitizer and ThreadSanitizer, which own the heap.
void limit_heap(std::uint64_t bytes);
// Gives up what a vector holds. `v = {}` keeps its capacity: it assigns an empty list.
template <typename T>
void release(std::vector<T>& values) {
  std::vector<T>().swap(values);
}

// From now on up to 64 MiB that were freed stay with the process, and blocks below 32 MiB come from there: a
// page taken from the system anew costs more than most of what is computed in it.
void keep_freed_memory();
// What a limit of the address space (ulimit -v) still leaves; nothing if there is no limit.
std::optional<std::uint64_t> address_space_left();
// Of the machine, or of its control group where that is less.
std::uint64_t physical_memory_bytes();
// No core dumps and no ptrace: keys and weights stay in the process.
void forbid_core_dumps();

}  // namespace tt::base
