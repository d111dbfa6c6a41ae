#include "tensor/tt_algebra.h"

#include <cblas.h>
#include <lapacke.h>

#include <algorithm>
#include <cmath>

#include "base/checked.h"
#include "base/error.h"
#include "tensor/dtype.h"
#include "tensor/gram.h"
#include "tensor/product.h"
#include "tensor/truncation.h"

namespace tt::tensor {
namespace {

using Matrix = std::vector<double>;  // row-major

[[noreturn]] void refuse(const std::string& why) {
  throw base::Error(base::ErrorKind::bad_data, "cannot compute with a tensor train, " + why);
}

void check_train(const TensorTrain& train) {
  const std::size_t order = train.modes.size();
  if (order == 0 || train.ranks.size() != order + 1 || train.cores.size() != order ||
      train.ranks.front() != 1 || train.ranks.back() != 1) {
    refuse("it has the wrong number of cores or ranks");
  }
  for (std::size_t k = 0; k < order; ++k) {
    const std::uint64_t sides[] = {train.ranks[k], train.modes[k], train.ranks[k + 1]};
    if (base::checked_product(sides, "size of a core") != train.cores[k].size() || train.cores[k].empty())
      refuse("core " + std::to_string(k + 1) + " has the wrong size");
  }
}

void check_pair(const TensorTrain& a, const TensorTrain& b) {
  check_train(a);
  check_train(b);
  if (a.modes != b.modes) refuse("modes " + shape_text(a.modes) + " and " + shape_text(b.modes) + " differ");
}

blasint to_int(std::uint64_t value) {
  if (value > 0x7fffffffu) refuse("a core is too large");
  return static_cast<blasint>(value);
}

// (rows x inner) times (inner x cols); either may be given transposed.
Matrix multiply(const Matrix& a, bool a_transposed, const Matrix& b, bool b_transposed, std::uint64_t rows,
                std::uint64_t inner, std::uint64_t cols) {
  Matrix out(rows * cols);
  cblas_dgemm(CblasRowMajor, a_transposed ? CblasTrans : CblasNoTrans,
              b_transposed ? CblasTrans : CblasNoTrans, to_int(rows), to_int(cols), to_int(inner), 1.0,
              a.data(), to_int(a_transposed ? rows : inner), b.data(), to_int(b_transposed ? inner : cols),
              0.0, out.data(), to_int(cols));
  return out;
}

// A train whose cores are in double while it is worked on.
struct Work {
  std::vector<std::uint64_t> modes, ranks;
  std::vector<Matrix> cores;

  explicit Work(const TensorTrain& train) : modes(train.modes), ranks(train.ranks) {
    for (const std::vector<float>& core : train.cores) cores.emplace_back(core.begin(), core.end());
  }
  TensorTrain rounded() const {
    TensorTrain train{modes, ranks, {}};
    for (const Matrix& core : cores) train.cores.emplace_back(core.begin(), core.end());
    return train;
  }
  std::uint64_t rows(std::size_t k) const { return ranks[k] * modes[k]; }
  std::uint64_t cols(std::size_t k) const { return modes[k] * ranks[k + 1]; }
};

// a (rows x cols, row-major) = q (rows x r) * upper (r x cols), r = min(rows, cols), q with orthonormal
// columns; a becomes q.
Matrix qr(Matrix& a, std::uint64_t rows, std::uint64_t cols) {
  const std::uint64_t r = std::min(rows, cols);
  Matrix scalars(r), upper(r * cols);
  lapack_int info =
      LAPACKE_dgeqrf(LAPACK_ROW_MAJOR, to_int(rows), to_int(cols), a.data(), to_int(cols), scalars.data());
  for (std::uint64_t i = 0; i < r; ++i)
    std::copy(&a[i * cols] + i, &a[i * cols] + cols, upper.data() + i * cols + i);
  Matrix q(rows * r);
  for (std::uint64_t i = 0; i < rows; ++i) std::copy(&a[i * cols], &a[i * cols] + r, q.data() + i * r);
  if (info == 0)
    info = LAPACKE_dorgqr(LAPACK_ROW_MAJOR, to_int(rows), to_int(r), to_int(r), q.data(), to_int(r),
                          scalars.data());
  if (info != 0) throw base::Error(base::ErrorKind::internal, "a qr decomposition failed");
  a = std::move(q);
  return upper;
}

Matrix transposed(const Matrix& a, std::uint64_t rows, std::uint64_t cols) {
  Matrix out(a.size());
  for (std::uint64_t i = 0; i < rows; ++i) {
    for (std::uint64_t j = 0; j < cols; ++j) out[j * rows + i] = a[i * cols + j];
  }
  return out;
}

// Core k becomes left-orthogonal, the rest moves into core k + 1.
void push_right(Work& work, std::size_t k) {
  const std::uint64_t before = work.ranks[k + 1], rows = work.rows(k);
  const Matrix upper = qr(work.cores[k], rows, before);
  const std::uint64_t rank = std::min(rows, before);
  work.cores[k + 1] = multiply(upper, false, work.cores[k + 1], false, rank, before, work.cols(k + 1));
  work.ranks[k + 1] = rank;
}

// Core k becomes right-orthogonal, the rest moves into core k - 1.
void push_left(Work& work, std::size_t k) {
  const std::uint64_t before = work.ranks[k], cols = work.cols(k);
  Matrix flipped = transposed(work.cores[k], before, cols);
  const Matrix upper = qr(flipped, cols, before);
  const std::uint64_t rank = std::min(cols, before);
  work.cores[k] = transposed(flipped, cols, rank);
  work.cores[k - 1] = multiply(work.cores[k - 1], false, upper, true, work.rows(k - 1), before, rank);
  work.ranks[k] = rank;
}

Work orthogonalised(const TensorTrain& a, std::size_t center) {
  Work work(a);
  for (std::size_t k = 0; k < center; ++k) push_right(work, k);
  for (std::size_t k = work.modes.size() - 1; k > center; --k) push_left(work, k);
  return work;
}

double norm_of(const Matrix& a) {
  return cblas_dnrm2(to_int(a.size()), a.data(), 1);
}

// Gram matrices of the right parts: grams[k] (ranks[k] x ranks[k]) = Y Y^T for Y = cores k, ..., d - 1.
std::vector<Matrix> right_grams(const Work& work) {
  const std::size_t order = work.modes.size();
  std::vector<Matrix> grams(order + 1);
  grams[order] = {1.0};
  for (std::size_t k = order; k-- > 1;) {
    const Matrix weighted = multiply(work.cores[k], false, grams[k + 1], false, work.rows(k),
                                     work.ranks[k + 1], work.ranks[k + 1]);
    grams[k] = multiply(weighted, false, work.cores[k], true, work.ranks[k], work.cols(k), work.ranks[k]);
  }
  return grams;
}

// One bond: core k (already multiplied from the left) = q * upper; upper gram upper^T holds the squared
// singular values of the bond, w its leading eigenvectors. Core k becomes q w, core k + 1 gets w^T upper.
double round_bond(Work& work, std::size_t k, const Matrix& gram, double allowed, std::uint64_t cap) {
  const std::uint64_t before = work.ranks[k + 1], rows = work.rows(k), side = std::min(rows, before);
  const Matrix upper = qr(work.cores[k], rows, before);
  const Matrix weighted = multiply(upper, false, gram, false, side, before, before);
  Eigen eigen = eigen_of(multiply(weighted, false, upper, true, side, before, side), side, true);
  double lost = 0;
  const std::uint64_t rank = kept_rank(eigen.values, allowed, cap, lost);
  eigen.vectors.resize(rank * side);
  work.cores[k] = multiply(work.cores[k], false, eigen.vectors, true, rows, side, rank);
  const Matrix transfer = multiply(eigen.vectors, false, upper, false, rank, side, before);
  work.cores[k + 1] = multiply(transfer, false, work.cores[k + 1], false, rank, before, work.cols(k + 1));
  work.ranks[k + 1] = rank;
  return lost;
}

}  // namespace

double tt_inner(const TensorTrain& a, const TensorTrain& b) {
  check_pair(a, b);
  const Work left(a), right(b);
  Matrix product{1.0};  // ranks of a x ranks of b
  for (std::size_t k = 0; k < a.modes.size(); ++k) {
    const Matrix half =
        multiply(product, false, right.cores[k], false, a.ranks[k], b.ranks[k], right.cols(k));
    product = multiply(left.cores[k], true, half, false, a.ranks[k + 1], left.rows(k), b.ranks[k + 1]);
  }
  return product[0];
}

double tt_norm(const TensorTrain& a) {
  check_train(a);
  const std::size_t last = a.modes.size() - 1;
  return norm_of(orthogonalised(a, last).cores[last]);
}

TensorTrain tt_add(const TensorTrain& a, const TensorTrain& b) {
  check_pair(a, b);
  const std::size_t order = a.modes.size();
  TensorTrain sum{a.modes, a.ranks, {}};
  for (std::size_t k = 1; k < order; ++k)
    sum.ranks[k] = base::checked_add(a.ranks[k], b.ranks[k], "rank of a sum");
  core_elements(sum.modes, sum.ranks);  // refuses what does not fit
  for (std::size_t k = 0; k < order; ++k) {
    std::vector<float>& core = sum.cores.emplace_back(sum.ranks[k] * sum.modes[k] * sum.ranks[k + 1]);
    const auto put = [&](const TensorTrain& train, std::uint64_t row, std::uint64_t col) {
      const std::uint64_t width = train.ranks[k + 1];
      for (std::uint64_t line = 0; line < train.ranks[k] * train.modes[k]; ++line) {
        float* const to = core.data() + (row * train.modes[k] + line) * sum.ranks[k + 1] + col;
        for (std::uint64_t j = 0; j < width; ++j) to[j] += train.cores[k][line * width + j];
      }
    };
    put(a, 0, 0);
    put(b, k == 0 ? 0 : a.ranks[k], k + 1 == order ? 0 : a.ranks[k + 1]);
  }
  return sum;
}

TensorTrain tt_scale(const TensorTrain& a, double factor) {
  check_train(a);
  TensorTrain scaled = a;
  for (float& value : scaled.cores[0]) value = static_cast<float>(value * factor);
  return scaled;
}

TensorTrain tt_orthogonalise(const TensorTrain& a, std::size_t center) {
  check_train(a);
  if (center >= a.modes.size()) refuse("it has no core " + std::to_string(center + 1));
  return orthogonalised(a, center).rounded();
}

TtRounded tt_round(const TensorTrain& a, const TtOptions& options) {
  check_train(a);
  const std::size_t order = a.modes.size();
  if (!options.max_ranks.empty() && options.max_ranks.size() + 1 != order)
    refuse("there must be one rank fewer than modes");
  Work work(a);
  const std::vector<Matrix> grams = right_grams(work);
  TtRounded result;
  result.norm = tt_norm(a);
  double budget = options.tolerance * options.tolerance * result.norm * result.norm, lost = 0;
  for (std::size_t k = 0; k + 1 < order; ++k) {
    const std::uint64_t cap =
        options.max_ranks.empty() ? work.ranks[k + 1] : std::max<std::uint64_t>(options.max_ranks[k], 1);
    const double step = round_bond(work, k, grams[k + 1], budget / static_cast<double>(order - 1 - k), cap);
    budget = std::max(budget - step, 0.0);
    lost += step;
  }
  result.error = std::sqrt(lost);
  result.train = work.rounded();
  return result;
}

std::vector<float> tt_full(const TensorTrain& a) {
  check_train(a);
  const TrainHalves halves = contract_halves(a);
  std::vector<float> out(base::checked_mul(halves.rows, halves.cols, "size of a tensor"));
  fixed_order_product(halves.left, halves.right, halves.rows, halves.rank, halves.cols, out);
  return out;
}

}  // namespace tt::tensor
