// Operations on tensor trains without forming the tensor (Oseledets, Tensor-Train Decomposition, SIAM J. Sci.
// Comput. 33(5), 2011, section 4). All sums in double; cores are rounded to float32 at the end. Operations on
// two trains need equal modes. Errors of all: bad_data if modes differ or the sizes of cores do not fit;
// internal if LAPACK fails.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/tensor_train.h"

namespace tt::tensor {

// <A, B> = sum of the products of all elements, by contracting one mode after another (Algorithm 4):
// O(d n r^3).
double tt_inner(const TensorTrain& a, const TensorTrain& b);

// ||A||_F, from the last core of the orthogonalised train, so that no digits cancel.
double tt_norm(const TensorTrain& a);

// A + B: block-diagonal cores, ranks add (section 4.1). Exact; round afterwards.
TensorTrain tt_add(const TensorTrain& a, const TensorTrain& b);

// factor * A: the first core is scaled.
TensorTrain tt_scale(const TensorTrain& a, double factor);

// The same tensor with the cores before `center` left-orthogonal (sum over r, i of G[r,i,a] G[r,i,b] = unit)
// and those after it right-orthogonal, by Householder QR. Ranks shrink to what the modes allow: ranks[k] <=
// product of the modes on either side. ||A||_F is then the norm of core `center`. center < number of modes.
TensorTrain tt_orthogonalise(const TensorTrain& a, std::size_t center);

// The nearest train that the options allow, up to the factor sqrt(d - 1) of TT-SVD: ranks by tolerance
// (relative to ||A||_F) and caps as in tt_svd; every rank at least 1.
//
// Gram-SVD rounding (Al Daas, Ballard, Manning, Parallel Tensor Train Rounding using Gram SVD, IPDPS 2022,
// Algorithm 3, left to right) in double. Differences: the left part is made orthogonal by QR, only the right
// part is taken by its Gram matrix; and the budget of energy is spent step by step, as in tt_svd. Resolves
// relative errors down to 3e-8.
struct TtRounded {
  TensorTrain train;
  double norm = 0;   // ||A||_F of the input
  double error = 0;  // ||A - train||_F, sum of the energies cut off, before rounding the cores to float32
};
TtRounded tt_round(const TensorTrain& a, const TtOptions& options);

// All elements in C order, as the decoder forms them: both halves, then one product that writes every element
// once (product.h). Same bits on every machine.
std::vector<float> tt_full(const TensorTrain& a);

}  // namespace tt::tensor
