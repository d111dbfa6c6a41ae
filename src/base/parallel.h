// Parallelism is over weights: a fixed number of workers takes indices in order; results never depend on
// their number.
#pragma once

#include <cstddef>
#include <functional>

namespace tt::base {

// Number of workers for --threads 0: the hardware's (of this process's CPU affinity).
unsigned default_threads();
// `wanted`, or default_threads() for 0.
unsigned worker_count(unsigned wanted);

// Calls body(0..count-1), each once, on up to `threads` workers. After an exception no new index starts and
// the one with the lowest index is thrown again. Between indices the cancel flag is checked (base/cancel.h).
void parallel_for(std::size_t count, unsigned threads, const std::function<void(std::size_t)>& body);

// The same, but body(i) starts only when the costs (e.g. bytes) of all running bodies plus cost(i) stay
// within `limit` (a single body above the limit runs alone).
void parallel_for_limited(std::size_t count, unsigned threads, std::size_t limit,
                          const std::function<std::size_t(std::size_t)>& cost,
                          const std::function<void(std::size_t)>& body);

}  // namespace tt::base
