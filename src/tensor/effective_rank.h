// How many components a spectrum is worth, as one number.
#pragma once

#include <cstdint>
#include <span>

#include "tensor/spectrum.h"

namespace tt::tensor {

// exp(-sum p log p), p = x / sum x over the positive values; 0 if there are none.
double entropy_rank(std::span<const double> values);

// Roy and Vetterli, The effective rank: a measure of effective dimensionality, EUSIPCO 2007, definition 3:
// the entropy rank of the singular values (not of their squares): 1 to the rank. What is not listed one by
// one (Spectrum::beyond) is left out, so that the result is then a lower bound.
double effective_rank(const Spectrum& spectrum);

// ||A||_F^2 / ||A||_2^2: 1 for rank one, min(m, n) if all singular values are equal; 0 for a zero matrix.
double stable_rank(const Spectrum& spectrum);

// The fewest components that keep `share` of the energy (relative error sqrt(1 - share)); one more than are
// listed if those do not.
std::uint64_t energy_rank(const Spectrum& spectrum, double share);

// True if the largest singular value is no larger than that of a rows x cols matrix of independent random
// numbers of the same energy would be, s (sqrt(m) + sqrt(n)) with s^2 = ||A||_F^2 / (m n), but for 10 % (Bai
// and Yin, Limit of the smallest eigenvalue of a large dimensional sample covariance matrix, 1993, has the
// limits of both ends). Then no component stands out, and a low rank gains nothing. False with a side below
// 64.
bool looks_random(const Spectrum& spectrum, std::uint64_t rows, std::uint64_t cols);

}  // namespace tt::tensor
