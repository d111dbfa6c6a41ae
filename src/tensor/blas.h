// The BLAS library's process-wide settings.
#pragma once

#include <string>

namespace tt::tensor {

// One BLAS thread a worker: to be called first in main, before any thread starts. Results then do not depend
// on the number of cores, and OpenBLAS's lock between threaded calls is never met.
void use_one_blas_thread();

// The kernel family that OpenBLAS chose for this CPU, e.g. "SkylakeX"; encodings by BLAS may differ between
// families.
std::string blas_core_name();

// OpenBLAS takes a buffer of 128 MiB of address space for every thread that calls it, and waits forever if it
// cannot have it. Errors: resource_limit if a limit of the address space (ulimit -v) does not leave that room
// for `threads` threads.
void check_address_space(unsigned threads);

}  // namespace tt::tensor
