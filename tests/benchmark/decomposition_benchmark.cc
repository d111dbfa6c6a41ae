// The decomposition engine in one thread: SVD by tolerance against LAPACK's sgesdd in both layouts, TT-SVD of
// n^3 against the bound of the machine, reconstruction against memcpy, kernels against BLAS. Bounds: the
// larger of memory traffic at the speed of a copy and operations at the speed of sgemm, both measured here.
#include <cblas.h>
#include <lapacke.h>

#include <cmath>
#include <cstring>

#include "stopwatch.h"
#include "tensor/blas.h"
#include "tensor/product_kernel.h"
#include "tensor/random.h"
#include "tensor/svd.h"
#include "tensor/tall_gram.h"
#include "tensor/tt_algebra.h"

namespace {

using tt::benchmark::measure;
using tt::benchmark::print_against;
using tt::benchmark::Times;

constexpr int kRuns = 5;

// Sums of four uniform numbers: near normal.
std::vector<float> random_floats(std::size_t count, std::uint64_t seed) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    double sum = 0;
    for (std::uint64_t part = 0; part < 4; ++part) sum += tt::tensor::random_uniform(seed, 4 * i + part);
    values[i] = static_cast<float>(sum);
  }
  return values;
}

// sgesdd with vectors of a column-major rows x cols matrix.
Times lapack_svd(const std::vector<float>& values, int rows, int cols) {
  const int small = std::min(rows, cols);
  const auto d = static_cast<std::size_t>(small);
  std::vector<float> sigma(d), left(d * static_cast<std::size_t>(rows)),
      right(d * static_cast<std::size_t>(cols));
  return measure(kRuns, [&] {
    std::vector<float> a = values;  // overwritten
    LAPACKE_sgesdd(LAPACK_COL_MAJOR, 'S', rows, cols, a.data(), rows, sigma.data(), left.data(), rows,
                   right.data(), small);
  });
}

void svd_against_lapack() {
  constexpr std::uint64_t kRows = 768, kCols = 3072;
  std::vector<float> values = random_floats(kRows * kCols, 1);
  // A decaying spectrum, as a trained weight has one.
  for (std::uint64_t i = 0; i < values.size(); ++i)
    values[i] /= 1.0f + static_cast<float>(i / kCols) / 100.0f;
  const tt::tensor::MatrixView matrix{values, kRows, kCols};
  tt::tensor::Svd found;
  const Times ours = measure(kRuns, [&] { found = tt::tensor::svd(matrix, {.tolerance = 0.5}); });
  std::vector<float> transposed(values.size());
  for (std::uint64_t i = 0; i < kRows; ++i) {
    for (std::uint64_t j = 0; j < kCols; ++j) transposed[j * kRows + i] = values[i * kCols + j];
  }
  print_against("SVD 768x3072, tolerance 0.5", ours, "sgesdd 768x3072", lapack_svd(transposed, kRows, kCols));
  const Times flipped = lapack_svd(values, kCols, kRows);
  print_against("SVD 768x3072, tolerance 0.5", ours, "sgesdd of the transpose", flipped);
  std::printf("  rank %llu, relative error %.6f\n", static_cast<unsigned long long>(found.rank),
              found.relative_error());
  const Times random = measure(kRuns, [&] {
    found = tt::tensor::svd(matrix, {.method = tt::tensor::SvdMethod::randomized, .max_rank = 64});
  });
  print_against("SVD 768x3072, randomized, rank 64", random, "sgesdd of the transpose", flipped);
}

// Seconds a float of sgemm's two operations, and a byte of a copy (read and write counted as two).
struct Machine {
  double second_per_flop, second_per_byte;
};

Machine machine() {
  constexpr int kSide = 1024;
  const std::vector<float> a = random_floats(kSide * kSide, 2);
  std::vector<float> out(a.size()), large(std::size_t{1} << 24, 1.0f), copy(large.size());
  const double gemm = measure(kRuns, [&] {
                        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, kSide, kSide, kSide, 1,
                                    a.data(), kSide, a.data(), kSide, 0, out.data(), kSide);
                      }).fastest;
  const double moved =
      measure(kRuns, [&] { std::memcpy(copy.data(), large.data(), large.size() * 4); }).fastest;
  const Machine found{gemm / (2.0 * kSide * kSide * kSide),
                      moved / (8.0 * static_cast<double>(large.size()))};
  std::printf("sgemm %.1f GF/s, copy %.1f GB/s read and written\n", 1e-9 / found.second_per_flop,
              1e-9 / found.second_per_byte);
  return found;
}

// Two reads of what is left, or its Gram matrix over n columns and its product with rank columns.
double bound(const Machine& m, double n, double rank) {
  double elements = n * n * n, seconds = 0;
  for (int step = 0; step < 2; ++step) {
    seconds += std::max(8 * elements * m.second_per_byte, (n + 2 * rank) * elements * m.second_per_flop);
    elements *= rank / n;
  }
  return seconds;
}

void trains_against_bound(const Machine& m) {
  for (const std::uint64_t n : {10u, 32u, 64u, 128u, 256u}) {
    const std::uint64_t rank = std::min<std::uint64_t>(32, n);
    const std::vector<float> values = random_floats(n * n * n, n);
    for (const auto arithmetic : {tt::tensor::Arithmetic::fp64, tt::tensor::Arithmetic::fp32}) {
      const Times ours = measure(kRuns, [&] {
        tt::tensor::tt_svd(values, {n, n, n}, {{rank, rank}, 0, arithmetic});
      });
      const double least = bound(m, static_cast<double>(n), static_cast<double>(rank));
      std::printf("TT-SVD %3llu^3, rank %2llu, %s %8.3f ms (median %8.3f)   bound %8.3f ms   ratio %.2f\n",
                  static_cast<unsigned long long>(n), static_cast<unsigned long long>(rank),
                  arithmetic == tt::tensor::Arithmetic::fp64 ? "fp64" : "fp32", ours.fastest * 1e3,
                  ours.median * 1e3, least * 1e3, ours.fastest / least);
    }
  }
}

void reconstruction() {
  constexpr std::uint64_t kRows = 256, kRank = 32, kCols = 65536;
  const std::vector<float> left = random_floats(kRows * kRank, 6), right = random_floats(kRank * kCols, 7);
  std::vector<float> out(kRows * kCols), copy(out.size());
  for (const std::int64_t target : tt::tensor::vector_targets()) {
    tt::tensor::force_vector_target(target);
    const Times ours = measure(kRuns, [&] {
      tt::tensor::multiply_in_order(left.data(), right.data(), kRows, kRank, kCols, out.data());
    });
    const Times copied =
        measure(kRuns, [&] { std::memcpy(copy.data(), out.data(), out.size() * sizeof(float)); });
    print_against(("64 MiB, rank 32, " + tt::tensor::vector_target_name(target)).c_str(), ours,
                  "memcpy of the result", copied);
  }
  tt::tensor::force_vector_target(0);
}

void gram_against_blas() {
  for (const int n : {16, 32, 64, 128, 256, 512}) {
    const std::size_t side = static_cast<std::size_t>(n), rows = (std::size_t{1} << 24) / side;
    const std::vector<float> x = random_floats(rows * side, 9);
    std::vector<float> gram(side * side);
    const Times ours = measure(kRuns, [&] { tt::tensor::tall_gram(x, rows, side); });
    const Times blas = measure(kRuns, [&] {
      cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, n, static_cast<int>(rows), 1, x.data(), n, 0,
                  gram.data(), n);
    });
    print_against(("Gram of 64 MiB, " + std::to_string(n) + " columns").c_str(), ours, "ssyrk", blas);
  }
}

}  // namespace

int main() {
  tt::tensor::use_one_blas_thread();
  std::printf("fastest of %d runs each, BLAS kernels %s\n", kRuns, tt::tensor::blas_core_name().c_str());
  svd_against_lapack();
  trains_against_bound(machine());
  reconstruction();
  gram_against_blas();
}
