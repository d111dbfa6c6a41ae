#include "tensor/row_gram.h"

#include <cblas.h>

#include <algorithm>
#include <cassert>
#include <limits>
#include <vector>

#include "base/error.h"

namespace tt::tensor {
namespace {

constexpr std::uint64_t kPanelElements = std::uint64_t{1} << 19;  // 4 MiB of doubles
constexpr std::uint64_t kPanelRows = 512;                         // at least, for the sake of BLAS

}  // namespace

void add_row_gram(std::span<const float> x, std::uint64_t rows, std::uint64_t cols, std::span<double> gram) {
  assert(x.size() == rows * cols && gram.size() == cols * cols);
  if (cols > static_cast<std::uint64_t>(std::numeric_limits<int>::max()))
    throw base::Error(base::ErrorKind::resource_limit,
                      "a layer input of " + std::to_string(cols) + " features is too wide for a Gram matrix");
  if (rows == 0 || cols == 0) return;
  const std::uint64_t step = std::max(kPanelRows, kPanelElements / cols);
  std::vector<double> panel(std::min(step, rows) * cols);
  for (std::uint64_t first = 0; first < rows; first += step) {
    const std::uint64_t count = std::min(step, rows - first);
    const float* const from = x.data() + first * cols;
    std::copy(from, from + count * cols, panel.begin());
    const int n = static_cast<int>(cols);
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, n, static_cast<int>(count), 1.0, panel.data(), n, 1.0,
                gram.data(), n);
  }
}

}  // namespace tt::tensor
