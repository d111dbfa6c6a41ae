#include "tensor/truncation.h"

#include <algorithm>
#include <cmath>

namespace tt::tensor {

std::uint64_t kept_rank(const std::vector<double>& energies, double allowed, std::uint64_t cap,
                        double& lost) {
  std::uint64_t rank = energies.size();
  lost = 0;
  while (rank > 1) {
    const double next = std::max(energies[rank - 1], 0.0);
    if (rank <= cap && (allowed <= 0 || lost + next > allowed)) break;
    lost += next;
    --rank;
  }
  return rank;
}

void fix_signs(std::vector<double>& rows, std::uint64_t n) {
  for (std::size_t start = 0; start < rows.size(); start += n) {
    const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(start),
               end = begin + static_cast<std::ptrdiff_t>(n);
    const auto largest =
        std::max_element(begin, end, [](double x, double y) { return std::abs(x) < std::abs(y); });
    if (*largest < 0) std::for_each(begin, end, [](double& x) { x = -x; });
  }
}

}  // namespace tt::tensor
