#include "tensor/tucker.h"

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/checked.h"
#include "base/error.h"
#include "tensor/gram.h"
#include "tensor/partial_eigen.h"
#include "tensor/truncation.h"

namespace tt::tensor {
namespace {

constexpr std::size_t kMaxModes = 8;

[[noreturn]] void refuse(const std::string& why) {
  throw base::Error(base::ErrorKind::bad_data, "cannot form a tucker decomposition, " + why);
}

blasint to_int(std::uint64_t value) {
  if (value > 0x7fffffffu) refuse("a side of " + std::to_string(value) + " is too large");
  return static_cast<blasint>(value);
}

// A tensor seen as outer x n x inner around one of its modes.
struct Around {
  std::uint64_t outer = 1, n = 1, inner = 1;
  Around(const Shape& shape, std::size_t mode) : n(shape[mode]) {
    for (std::size_t k = 0; k < mode; ++k) outer *= shape[k];
    for (std::size_t k = mode + 1; k < shape.size(); ++k) inner *= shape[k];
  }
};

std::vector<double> mode_gram(const std::vector<double>& values, const Around& at) {
  std::vector<double> gram(at.n * at.n);
  const auto n = to_int(at.n), inner = to_int(at.inner);
  if (at.inner == 1) {
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, n, to_int(at.outer), 1.0, values.data(), n, 0.0,
                gram.data(), n);
  } else {
    for (std::uint64_t o = 0; o < at.outer; ++o)
      cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, n, inner, 1.0, values.data() + o * at.n * at.inner,
                  inner, 1.0, gram.data(), n);
  }
  for (std::uint64_t i = 0; i < at.n; ++i) {
    for (std::uint64_t j = 0; j < i; ++j) gram[i * at.n + j] = gram[j * at.n + i];
  }
  return gram;
}

// The mode of length n becomes one of length `to`: multiplied by q, to x n row-major.
std::vector<double> apply(const std::vector<double>& values, const Around& at, const std::vector<double>& q,
                          std::uint64_t to) {
  std::vector<double> out(at.outer * to * at.inner);
  const auto inner = to_int(at.inner), n = to_int(at.n), rank = to_int(to);
  if (at.inner == 1) {
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, to_int(at.outer), rank, n, 1.0, values.data(), n,
                q.data(), n, 0.0, out.data(), rank);
    return out;
  }
  for (std::uint64_t o = 0; o < at.outer; ++o) {
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rank, inner, n, 1.0, q.data(), n,
                values.data() + o * at.n * at.inner, inner, 0.0, out.data() + o * to * at.inner, inner);
  }
  return out;
}

void check(std::span<const float> values, const Shape& shape, const TuckerOptions& options) {
  if (shape.empty() || shape.size() > kMaxModes) refuse("1 to 8 modes are possible");
  if (element_count(shape) != values.size() || values.empty())
    refuse("modes " + shape_text(shape) + " do not multiply to " + std::to_string(values.size()) +
           " elements");
  if (!options.max_ranks.empty() && options.max_ranks.size() != shape.size())
    refuse("there must be a rank for each mode");
  if (!options.modes.empty() && options.modes.size() != shape.size())
    refuse("there must be a choice for each mode");
  if (!(options.tolerance >= 0)) refuse("the tolerance is not a number >= 0");
}

// The modes that get a factor, the largest first.
std::vector<std::size_t> order_of(const Shape& shape, const TuckerOptions& options) {
  std::vector<std::size_t> order;
  for (std::size_t k = 0; k < shape.size(); ++k) {
    if (options.modes.empty() || options.modes[k]) order.push_back(k);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&shape](std::size_t a, std::size_t b) { return shape[a] > shape[b]; });
  return order;
}

}  // namespace

std::uint64_t Tucker::elements() const {
  return std::accumulate(
      factors.begin(), factors.end(), std::uint64_t{core.size()},
      [](std::uint64_t sum, const std::vector<float>& factor) { return sum + factor.size(); });
}

Tucker tucker(std::span<const float> values, const Shape& shape, const TuckerOptions& options) {
  check(values, shape, options);
  const double norm_squared =
      std::inner_product(values.begin(), values.end(), values.begin(), 0.0, std::plus<>{},
                         [](float x, float y) { return static_cast<double>(x) * static_cast<double>(y); });
  Tucker result{shape, shape, {}, std::vector<std::vector<float>>(shape.size()), std::sqrt(norm_squared), 0};
  std::vector<double> core(values.begin(), values.end());
  const std::vector<std::size_t> order = order_of(shape, options);
  double budget = options.tolerance * options.tolerance * norm_squared, all_lost = 0;
  for (std::size_t step = 0; step < order.size(); ++step) {
    const std::size_t k = order[step];
    const Around at(result.ranks, k);
    const PartialEigen eigen(mode_gram(core, at), at.n, Precision::fp64);
    const std::uint64_t cap =
        options.max_ranks.empty() || options.max_ranks[k] == 0 ? at.n : options.max_ranks[k];
    double lost = 0;
    const std::uint64_t rank =
        kept_rank(eigen.values(), budget / static_cast<double>(order.size() - step), cap, lost);
    budget = std::max(budget - lost, 0.0);
    all_lost += lost;
    std::vector<double> q = eigen.vectors(rank);
    fix_signs(q, at.n);
    core = apply(core, at, q, rank);
    result.ranks[k] = rank;
    result.factors[k].resize(at.n * rank);
    for (std::uint64_t i = 0; i < at.n; ++i) {
      for (std::uint64_t a = 0; a < rank; ++a)
        result.factors[k][i * rank + a] = static_cast<float>(q[a * at.n + i]);
    }
  }
  result.core.assign(core.begin(), core.end());
  result.error = std::sqrt(all_lost);
  return result;
}

Tucker tucker2(std::span<const float> kernel, const Shape& shape, std::uint64_t max_out, std::uint64_t max_in,
               double tolerance) {
  if (shape.size() < 2) refuse("a kernel has at least two modes");
  TuckerOptions options{std::vector<std::uint64_t>(shape.size(), 0), tolerance,
                        std::vector<bool>(shape.size(), false)};
  options.max_ranks[0] = max_out;
  options.max_ranks[1] = max_in;
  options.modes[0] = options.modes[1] = true;
  return tucker(kernel, shape, options);
}

std::vector<float> tucker_full(const Tucker& tucker) {
  std::vector<double> values(tucker.core.begin(), tucker.core.end());
  Shape shape = tucker.ranks;
  for (std::size_t k = 0; k < shape.size(); ++k) {
    if (tucker.factors[k].empty()) continue;
    const std::vector<double> factor(tucker.factors[k].begin(), tucker.factors[k].end());
    values = apply(values, Around(shape, k), factor, tucker.shape[k]);
    shape[k] = tucker.shape[k];
  }
  return {values.begin(), values.end()};
}

}  // namespace tt::tensor
