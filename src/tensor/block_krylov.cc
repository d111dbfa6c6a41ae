#include "tensor/block_krylov.h"

#include <cblas.h>

#include "base/error.h"
#include "tensor/partial_eigen.h"
#include "tensor/random.h"

namespace tt::tensor {
namespace {

constexpr std::uint64_t kPowers = 6, kOversampling = 10;

std::uint64_t block_size(std::uint64_t k) {
  return (k + kOversampling + 1) / 2;
}

int to_int(std::uint64_t value) {
  return static_cast<int>(value);  // at most the side of a matrix that LAPACK takes
}

// block (b x d rows) minus its part in the span of the first `count` rows of basis.
void remove_span(const std::vector<double>& basis, std::uint64_t count, double* block, std::uint64_t b,
                 std::uint64_t d) {
  if (count == 0) return;
  std::vector<double> inner(b * count);
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, to_int(b), to_int(count), to_int(d), 1.0, block,
              to_int(d), basis.data(), to_int(d), 0.0, inner.data(), to_int(count));
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, to_int(b), to_int(d), to_int(count), -1.0,
              inner.data(), to_int(count), basis.data(), to_int(d), 1.0, block, to_int(d));
}

std::vector<double> random_block(std::uint64_t b, std::uint64_t d, std::uint64_t seed) {
  std::vector<double> block(b * d);
  for (std::uint64_t i = 0; i < block.size(); ++i) block[i] = random_uniform(seed, i);
  return block;
}

std::vector<double> krylov_basis(const std::vector<double>& gram, std::uint64_t d, std::uint64_t b,
                                 std::uint64_t seed) {
  std::vector<double> basis((kPowers + 1) * b * d), block = random_block(b, d, seed), product(b * d);
  for (std::uint64_t step = 0; step <= kPowers; ++step) {
    for (int pass = 0; pass < 2; ++pass) {
      remove_span(basis, step * b, block.data(), b, d);
      orthonormalise_rows(block, b, d);
    }
    std::copy(block.begin(), block.end(), basis.begin() + static_cast<std::ptrdiff_t>(step * b * d));
    cblas_dsymm(CblasRowMajor, CblasRight, CblasUpper, to_int(b), to_int(d), 1.0, gram.data(), to_int(d),
                block.data(), to_int(d), 0.0, product.data(), to_int(d));
    block.swap(product);
  }
  return basis;
}

}  // namespace

std::uint64_t krylov_basis_size(std::uint64_t k) {
  return (kPowers + 1) * block_size(k);
}

Eigen block_krylov(const std::vector<double>& gram, std::uint64_t d, std::uint64_t k, std::uint64_t seed) {
  const std::uint64_t size = krylov_basis_size(k);
  if (size > d || k == 0) {
    throw base::Error(base::ErrorKind::bad_data, "cannot take " + std::to_string(k) + " of " +
                                                     std::to_string(d) + " vectors by block krylov");
  }
  const std::vector<double> basis = krylov_basis(gram, d, block_size(k), seed);
  std::vector<double> image(size * d), projected(size * size);
  cblas_dsymm(CblasRowMajor, CblasRight, CblasUpper, to_int(size), to_int(d), 1.0, gram.data(), to_int(d),
              basis.data(), to_int(d), 0.0, image.data(), to_int(d));
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, to_int(size), to_int(size), to_int(d), 1.0,
              image.data(), to_int(d), basis.data(), to_int(d), 0.0, projected.data(), to_int(size));
  const PartialEigen ritz(projected, size, Precision::fp64);
  const std::vector<double> small = ritz.vectors(k);
  Eigen eigen;
  eigen.values.assign(ritz.values().begin(), ritz.values().begin() + static_cast<std::ptrdiff_t>(k));
  eigen.vectors.resize(k * d);
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, to_int(k), to_int(d), to_int(size), 1.0,
              small.data(), to_int(size), basis.data(), to_int(d), 0.0, eigen.vectors.data(), to_int(d));
  return eigen;
}

}  // namespace tt::tensor
