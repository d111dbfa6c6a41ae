#include "pipeline/init.h"

#include "tensor/blas.h"

namespace tt::pipeline {

void init_numerics() {
  tensor::use_one_blas_thread();
}

}  // namespace tt::pipeline
