// Modes in which a rows x cols matrix is seen as a tensor. In C order the modes of the rows come first, so
// that the buffer of the matrix is that of the tensor. balanced_modes (tensor_train.h) is the default.
#pragma once

#include <cstdint>
#include <vector>

namespace tt::tensor {

// What tutorials of tensor trains take: each side as the fewest factors of at most 8, as equal as its primes
// allow, ascending, at most four a side; larger primes and sides above 8^4 keep larger factors, modes of 1
// are left out. 256x64 -> 4x8x8 8x8, 784x625 -> 4x4x7x7 5x5x5x5.
std::vector<std::uint64_t> small_modes(std::uint64_t rows, std::uint64_t cols);

}  // namespace tt::tensor
