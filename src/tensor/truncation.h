// Steps that the decompositions share: how many components a step keeps, and their signs.
#pragma once

#include <cstdint>
#include <vector>

namespace tt::tensor {

// The smallest rank whose lost energy (the sum of what follows in `energies`, which descend; negatives of
// rounding count as 0) is at most `allowed`, at most `cap`, at least 1 if there is a component. allowed <= 0:
// the cap decides alone. `lost` is set to the energy lost.
std::uint64_t kept_rank(const std::vector<double>& energies, double allowed, std::uint64_t cap, double& lost);

// Each row of length n gets the sign that makes its entry of largest magnitude positive, the first on a tie.
void fix_signs(std::vector<double>& rows, std::uint64_t n);

}  // namespace tt::tensor
