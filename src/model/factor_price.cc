#include "model/factor_price.h"

#include "base/checked.h"

namespace tt::model {

namespace {

constexpr std::uint64_t kBlock = 16;

std::uint64_t product(std::uint64_t a, std::uint64_t b) {
  return base::checked_mul(a, b, "size of factors");
}
std::uint64_t sum(std::uint64_t a, std::uint64_t b) {
  return base::checked_add(a, b, "size of factors");
}
std::uint64_t in_blocks(std::uint64_t channels) {
  return product(sum(channels, kBlock - 1) / kBlock, kBlock);
}

std::string more_work(std::uint64_t factored, std::uint64_t dense, const char* how) {
  return "its two layers would take " + std::to_string(factored) + " multiply-adds" + how + ", one takes " +
         std::to_string(dense);
}

}  // namespace

std::string price_factors(const FactorShape& shape, std::string_view op) {
  const std::uint64_t dense = product(shape.rows, shape.cols);
  const std::uint64_t factored = product(shape.rank, sum(shape.rows, shape.cols));
  if (op == "Gather")
    return factored < dense ? ""
                            : "its factors have " + std::to_string(factored) + " elements, it has " +
                                  std::to_string(dense);
  if (factored >= dense) return more_work(factored, dense, "");
  if (op != "Conv") return {};
  const std::uint64_t rows = in_blocks(shape.rows), rank = in_blocks(shape.rank);
  const std::uint64_t block_dense = product(rows, shape.cols);
  const std::uint64_t block_factored = sum(product(rank, shape.cols), product(rows, rank));
  if (block_factored < block_dense) return {};
  return more_work(block_factored, block_dense, " in blocks of 16 channels");
}

}  // namespace tt::model
