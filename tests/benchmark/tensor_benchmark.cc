// Decompositions against LAPACK's sgesdd, reconstruction against memcpy, all in one process and with one BLAS
// thread.
#include <cblas.h>
#include <lapacke.h>

#include <cmath>
#include <cstring>
#include <random>

#include "stopwatch.h"
#include "tensor/blas.h"
#include "tensor/product.h"
#include "tensor/tensor_train.h"
#include "tensor/truncated_svd.h"

namespace {

using tt::benchmark::measure;
using tt::benchmark::print_against;
using tt::benchmark::Times;

constexpr int kRuns = 3;

std::vector<float> normal_values(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

struct FullSvd {
  std::vector<float> sigma;
  Times times;
};

// All singular values and vectors of the row-major rows x cols matrix, which LAPACK sees as its transpose.
FullSvd lapack_svd(const std::vector<float>& values, int rows, int cols) {
  const int small = std::min(rows, cols);
  const auto d = static_cast<std::size_t>(small);
  FullSvd result{.sigma = std::vector<float>(d), .times = {}};
  std::vector<float> left(d * static_cast<std::size_t>(cols)), right(d * static_cast<std::size_t>(rows));
  result.times = measure(kRuns, [&] {
    std::vector<float> a = values;  // overwritten
    LAPACKE_sgesdd(LAPACK_COL_MAJOR, 'S', cols, rows, a.data(), cols, result.sigma.data(), left.data(), cols,
                   right.data(), small);
  });
  return result;
}

double relative_tail(const std::vector<float>& sigma, std::uint64_t rank) {
  double all = 0, tail = 0;
  for (std::size_t i = 0; i < sigma.size(); ++i) {
    const double energy = static_cast<double>(sigma[i]) * static_cast<double>(sigma[i]);
    all += energy;
    if (i >= rank) tail += energy;
  }
  return std::sqrt(tail / all);
}

double relative_distance(const std::vector<float>& a, const std::vector<float>& b) {
  return std::sqrt(tt::tensor::squared_distance(a, b) / tt::tensor::squared_norm(a));
}

// Times of rebuild(product) against BLAS's product of the same size and a copy of the result.
template <typename Rebuild>
void compare_reconstruction(std::vector<float>& product, std::uint64_t rows, std::uint64_t rank,
                            std::uint64_t cols, const Rebuild& rebuild) {
  const Times ours = measure(kRuns, [&] { rebuild(product); });
  const std::vector<float> left = normal_values(rows * rank, 6), right = normal_values(rank * cols, 7);
  std::vector<float> other(product.size());
  const auto m = static_cast<int>(rows), k = static_cast<int>(rank), n = static_cast<int>(cols);
  const Times blas = measure(kRuns, [&] {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, left.data(), k, right.data(), n, 0,
                other.data(), n);
  });
  print_against("  reconstruction", ours, "sgemm of this size", blas);
  const Times copy =
      measure(kRuns, [&] { std::memcpy(other.data(), product.data(), product.size() * sizeof(float)); });
  print_against("  reconstruction", ours, "memcpy of the result", copy);
}

void truncated_against_full() {
  constexpr std::uint64_t kRows = 768, kCols = 3072;
  std::vector<float> values = normal_values(kRows * kCols, 1);
  // A decaying spectrum, as a trained weight has one.
  for (std::uint64_t i = 0; i < kRows; ++i) {
    for (std::uint64_t j = 0; j < kCols; ++j) values[i * kCols + j] /= 1.0f + static_cast<float>(i) / 100.0f;
  }
  const tt::tensor::MatrixView matrix{values, kRows, kCols};
  tt::tensor::LowRank factors;
  const Times ours = measure(kRuns, [&] {
    const std::uint64_t rank = tt::tensor::spectrum(matrix).rank_for(0.5);
    factors = tt::tensor::truncated_svd(matrix, rank);
  });
  const FullSvd full = lapack_svd(values, kRows, kCols);
  print_against("truncated SVD 768x3072, tol. 0.5", ours, "LAPACKE_sgesdd", full.times);
  std::vector<float> product(values.size());
  compare_reconstruction(product, kRows, factors.rank, kCols, [&](std::vector<float>& out) {
    tt::tensor::fixed_order_product(factors.left, factors.right, kRows, factors.rank, kCols, out);
  });
  std::printf("  rank %llu, relative error %.6f, of sgesdd at this rank %.6f\n",
              static_cast<unsigned long long>(factors.rank), relative_distance(values, product),
              relative_tail(full.sigma, factors.rank));
}

void train_against_full() {
  constexpr std::uint64_t kMode = 256, kRank = 32;
  const std::vector<std::uint64_t> modes(3, kMode);
  // A train of the wanted ranks, and noise.
  const tt::tensor::TensorTrain origin{
      .modes = modes,
      .ranks = {1, kRank, kRank, 1},
      .cores = {normal_values(kMode * kRank, 2), normal_values(kRank * kMode * kRank, 3),
                normal_values(kRank * kMode, 4)}};
  const auto rebuild = [](const tt::tensor::TensorTrain& train, std::vector<float>& out) {
    const tt::tensor::TrainHalves halves = tt::tensor::contract_halves(train);
    tt::tensor::fixed_order_product(halves.left, halves.right, halves.rows, halves.rank, halves.cols, out);
  };
  std::vector<float> values(kMode * kMode * kMode);
  rebuild(origin, values);
  const std::vector<float> noise = normal_values(values.size(), 5);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] += noise[i];

  tt::tensor::TensorTrain train;
  const Times ours = measure(kRuns, [&] {
    train = tt::tensor::tt_svd(values, modes, {.max_ranks = {kRank, kRank}, .tolerance = 0});
  });
  print_against("TT-SVD 256x256x256, rank 32", ours, "sgesdd, first unfolding",
                lapack_svd(values, kMode, kMode * kMode).times);
  std::vector<float> product(values.size());
  compare_reconstruction(product, kMode, kRank, kMode * kMode,
                         [&](std::vector<float>& out) { rebuild(train, out); });
  std::printf("  relative error %.6f, of the noise in it %.6f\n", relative_distance(values, product),
              std::sqrt(tt::tensor::squared_norm(noise) / tt::tensor::squared_norm(values)));
}

}  // namespace

int main() {
  tt::tensor::use_one_blas_thread();
  std::printf("fastest of %d runs each, BLAS kernels %s\n", kRuns, tt::tensor::blas_core_name().c_str());
  truncated_against_full();
  train_against_full();
}
