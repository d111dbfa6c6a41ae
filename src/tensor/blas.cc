#include "tensor/blas.h"

#include <cblas.h>

namespace tt::tensor {

void use_one_blas_thread() {
  openblas_set_num_threads(1);
}

std::string blas_core_name() {
  const char* name = openblas_get_corename();
  return name == nullptr ? "unknown" : name;
}

}  // namespace tt::tensor
