#include "model/factor_price.h"

#include "base/checked.h"

namespace tt::model {

namespace {

constexpr std::uint64_t kBlock = 16;
constexpr std::uint64_t kLeastSaved = 16;  // of so many parts one

std::uint64_t product(std::uint64_t a, std::uint64_t b) {
  return base::checked_mul(a, b, "size of factors");
}
std::uint64_t sum(std::uint64_t a, std::uint64_t b) {
  return base::checked_add(a, b, "size of factors");
}
std::uint64_t in_blocks(std::uint64_t channels) {
  return product(sum(channels, kBlock - 1) / kBlock, kBlock);
}

// Why not, or nothing.
std::string compare(std::uint64_t factored, std::uint64_t dense, const char* how) {
  if (factored <= dense - sum(dense, kLeastSaved - 1) / kLeastSaved) return {};
  return "its two layers would take " + std::to_string(factored) + " multiply-adds" + how + ", one takes " +
         std::to_string(dense) + (factored < dense ? ", too little is saved" : "");
}

}  // namespace

std::string price_factors(const FactorShape& shape, std::string_view op) {
  const std::uint64_t dense = product(shape.rows, shape.cols);
  const std::uint64_t factored = product(shape.rank, sum(shape.rows, shape.cols));
  if (op == "Gather")
    return factored < dense ? ""
                            : "its factors have " + std::to_string(factored) + " elements, it has " +
                                  std::to_string(dense);
  std::string why = compare(factored, dense, "");
  if (!why.empty() || op != "Conv") return why;
  const std::uint64_t rows = in_blocks(shape.rows), rank = in_blocks(shape.rank);
  return compare(sum(product(rank, shape.cols), product(rows, rank)), product(rows, shape.cols),
                 " in blocks of 16 channels");
}

}  // namespace tt::model
