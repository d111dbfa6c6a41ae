#include "pipeline/init.h"

#include "base/memory.h"
#include "tensor/blas.h"

namespace tt::pipeline {

void init_numerics() {
  base::keep_freed_memory();
  tensor::use_one_blas_thread();
}

}  // namespace tt::pipeline
