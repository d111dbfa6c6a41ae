// The modes in which a rows x cols matrix is seen as a tensor: by rule, as given, or after padding. In C
// order the modes of the rows come first, so that the buffer of the matrix is that of the tensor. Rules
// without padding give modes whose product is rows * cols; balanced_modes (tensor_train.h) is the default.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/matrix.h"

namespace tt::tensor {

// The specification's shapes: each side as 256 times the rest, where 256 divides it; other sides as in
// balanced_modes, modes of 1 left out. 768x3072 -> 256x3x256x12, 768x1024 -> 256x3x256x4.
std::vector<std::uint64_t> blocked_modes(std::uint64_t rows, std::uint64_t cols);

// What tutorials of tensor trains take: each side as the fewest factors of at most 8, as equal as its primes
// allow, ascending, at most four a side; larger primes and sides above 8^4 keep larger factors, modes of 1
// are left out. 256x64 -> 4x8x8 8x8, 784x625 -> 4x4x7x7 5x5x5x5.
std::vector<std::uint64_t> small_modes(std::uint64_t rows, std::uint64_t cols);

// The given modes, checked: 1 to 8 of them, none 0, product rows * cols. Errors: bad_data.
std::vector<std::uint64_t> given_modes(std::uint64_t rows, std::uint64_t cols,
                                       const std::vector<std::uint64_t>& modes);

// A matrix with zero rows and columns added behind, and its modes.
struct PaddedModes {
  std::uint64_t rows = 0, cols = 0;  // padded
  std::vector<std::uint64_t> modes;  // product rows * cols, two a side; sides of 1 give none
};

// Each side grows to the least p * q with p <= q <= 2 p: primes and other sides without balanced factors.
// A side n grows by less than sqrt(n) + 1; sides below 4 stay.
// Errors: bad_data if a side is 0 or above 2^31.
PaddedModes padded_modes(std::uint64_t rows, std::uint64_t cols);

// a with zeros behind its rows and columns. Needs rows >= a.rows and cols >= a.cols (asserted). Errors:
// bad_data if the size overflows.
std::vector<float> padded(const MatrixView& a, std::uint64_t rows, std::uint64_t cols);
// The first rows x cols of a. Needs rows <= a.rows and cols <= a.cols (asserted).
std::vector<float> cropped(const MatrixView& a, std::uint64_t rows, std::uint64_t cols);

}  // namespace tt::tensor
