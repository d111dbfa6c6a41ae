#include "tensor/blas.h"

#include <cblas.h>

#include <cstdint>
#include <optional>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

namespace tt::tensor {

void use_one_blas_thread() {
  openblas_set_num_threads(1);
}

std::string blas_core_name() {
  const char* name = openblas_get_corename();
  return name == nullptr ? "unknown" : name;
}

void check_address_space(unsigned threads) {
  // The library's own thread takes one buffer more; stacks and the heaps of threads need the rest.
  constexpr std::uint64_t kBuffer = std::uint64_t{136} << 20, kRest = std::uint64_t{128} << 20;
  const std::uint64_t needed = (threads + 1) * kBuffer + kRest;
  const std::optional<std::uint64_t> left = base::address_space_left();
  if (!left || *left >= needed) return;
  throw base::Error(base::ErrorKind::resource_limit,
                    "the limit of the address space leaves " + base::format_bytes(*left) +
                        ", too little for " + std::to_string(threads) +
                        " threads of linear algebra, which need " + base::format_bytes(needed),
                    "raise ulimit -v or use fewer --threads; --max-memory limits the data itself");
}

}  // namespace tt::tensor
