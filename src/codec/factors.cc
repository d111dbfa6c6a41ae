#include "codec/factors.h"

#include "codec/codecs.h"
#include "codec/core_rounding.h"
#include "tensor/product.h"

namespace tt::codec {
namespace {

// Modes left of the boundary where the matrix view divides them; 0 if there is none.
std::size_t row_boundary(const WeightLayout& layout, const Encoding& encoding) {
  std::uint64_t product = 1;  // divides the number of elements
  for (std::size_t k = 1; k < encoding.modes.size(); ++k) {
    product *= encoding.modes[k - 1];
    if (product == layout.rows) return k;
  }
  return 0;
}

tensor::LowRank train_factors(const WeightLayout& layout, const Encoding& encoding, const CoreReader& cores,
                              std::size_t boundary) {
  const std::vector<CoreLayout> layouts = tt_codec().core_layouts(layout, encoding);
  check_cores(layouts, cores);
  tensor::TensorTrain train{encoding.modes, {1}, {}};
  for (std::size_t k = 0; k < layouts.size(); ++k) {
    train.ranks.push_back(layouts[k].shape[2]);
    train.cores.push_back(read_core(layouts[k], cores, k));
  }
  tensor::TrainHalves halves = tensor::contract_at(train, boundary);
  return {halves.rows, halves.cols, halves.rank, std::move(halves.left), std::move(halves.right)};
}

}  // namespace

bool stores_factors(Format format) {
  return format == Format::lowrank || format == Format::tt;
}

std::optional<std::uint64_t> factor_rank(const WeightLayout& layout, const Encoding& encoding,
                                         const CoreReader& cores) {
  if (encoding.format == Format::lowrank) return lowrank_codec().settled(encoding, cores).rank;
  if (encoding.format != Format::tt) return std::nullopt;
  const std::size_t boundary = row_boundary(layout, encoding);
  if (boundary == 0) return std::nullopt;
  return encoding.ranks[boundary - 1];
}

std::optional<tensor::LowRank> factors_of(const WeightLayout& layout, const Encoding& encoding,
                                          const CoreReader& cores) {
  if (!factor_rank(layout, encoding, cores)) return std::nullopt;
  tensor::LowRank factors = encoding.format == Format::lowrank
                                ? read_low_rank(layout, encoding, cores)
                                : train_factors(layout, encoding, cores, row_boundary(layout, encoding));
  if (layout.dtype == tensor::DType::f16) balance(factors);
  return factors;
}

}  // namespace tt::codec
