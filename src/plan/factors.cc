#include "plan/factors.h"

#include <algorithm>
#include <cmath>

#include "tensor/spectrum.h"
#include "tensor/svd.h"
#include "tensor/tensor_train.h"

namespace tt::plan {
namespace {

double squared_relative(double tail, double total) {
  return total > 0 ? tail / total : 0;
}

double core_rounding(tensor::DType dtype) {
  return dtype == tensor::DType::f16 ? kHalfCoreError * kHalfCoreError : 0;
}

Candidate candidate_of(codec::Encoding encoding, std::uint64_t core_elements, double squared_error) {
  const double squared = squared_error + core_rounding(encoding.dtype);
  const std::uint64_t bytes = core_elements * tensor::element_size(encoding.dtype);
  return {std::move(encoding), bytes, squared, std::sqrt(squared)};
}

std::uint64_t rank_cap(std::uint64_t natural, const PriceOptions& options) {
  return std::min(natural, options.max_rank.value_or(natural));
}

// Inner ranks of a uniform cap: no bond is wider than the products on its two sides.
std::vector<std::uint64_t> capped_ranks(const std::vector<tensor::Spectrum>& bonds, std::uint64_t cap) {
  std::vector<std::uint64_t> ranks;
  for (const tensor::Spectrum& bond : bonds)
    ranks.push_back(std::min<std::uint64_t>(cap, bond.energy.size()));
  return ranks;
}

std::vector<std::uint64_t> with_borders(const std::vector<std::uint64_t>& inner) {
  std::vector<std::uint64_t> ranks{1};
  ranks.insert(ranks.end(), inner.begin(), inner.end());
  ranks.push_back(1);
  return ranks;
}

double train_error(const std::vector<tensor::Spectrum>& bonds, const std::vector<std::uint64_t>& ranks) {
  double squared = 0;
  for (std::size_t k = 0; k < bonds.size(); ++k)
    squared += squared_relative(bonds[k].tail(ranks[k]), bonds[k].total);
  return squared;
}

// All values; with `randomized` and a cap on the rank only those that the cap allows.
tensor::Spectrum spectrum_of(const tensor::MatrixView& a, const PriceOptions& options) {
  if (options.svd_method != tensor::SvdMethod::randomized || !options.max_rank) return tensor::spectrum(a);
  const tensor::Svd found = tensor::svd_with_retries(
      a, {.method = options.svd_method, .max_rank = *options.max_rank, .seed = options.seed});
  tensor::Spectrum spectrum{
      .energy = {}, .total = found.norm * found.norm, .beyond = found.error * found.error};
  for (const double sigma : found.sigma) spectrum.energy.push_back(sigma * sigma);
  return spectrum;
}

}  // namespace

std::vector<Candidate> price_low_rank(const codec::WeightLayout& layout, std::span<const float> values,
                                      const PriceOptions& options,
                                      const std::vector<tensor::DType>& core_types) {
  const tensor::Spectrum spectrum = spectrum_of({values, layout.rows, layout.cols}, options);
  std::uint64_t last = rank_cap(spectrum.energy.size(), options);
  if (options.epsilon > 0)
    last = std::min(last, std::max<std::uint64_t>(1, spectrum.rank_for(options.epsilon)));
  std::vector<Candidate> candidates;
  for (tensor::DType dtype : core_types)
    for (std::uint64_t rank = 1; rank <= last; ++rank) {
      const std::uint64_t elements = rank * (layout.rows + layout.cols);
      if (rank > 1 && elements * tensor::element_size(dtype) >= layout.payload_size()) break;
      candidates.push_back(candidate_of({.format = codec::Format::lowrank, .rank = rank, .dtype = dtype},
                                        elements, squared_relative(spectrum.tail(rank), spectrum.total)));
    }
  return candidates;
}

std::vector<Candidate> price_tensor_train(const codec::WeightLayout& layout, std::span<const float> values,
                                          const std::vector<std::uint64_t>& modes,
                                          const PriceOptions& options,
                                          const std::vector<tensor::DType>& core_types) {
  const std::vector<tensor::Spectrum> bonds = tensor::unfolding_spectra(values, modes);
  std::uint64_t widest = 1;
  for (const tensor::Spectrum& bond : bonds) widest = std::max<std::uint64_t>(widest, bond.energy.size());
  std::vector<Candidate> candidates;
  for (tensor::DType dtype : core_types)
    for (std::uint64_t cap = 1; cap <= rank_cap(widest, options); ++cap) {
      const std::vector<std::uint64_t> ranks = capped_ranks(bonds, cap);
      const std::uint64_t elements = tensor::core_elements(modes, with_borders(ranks));
      if (cap > 1 && elements * tensor::element_size(dtype) >= layout.payload_size()) break;
      const double squared = train_error(bonds, ranks);
      candidates.push_back(candidate_of(
          {.format = codec::Format::tt, .modes = modes, .ranks = ranks, .dtype = dtype}, elements, squared));
      if (squared <= options.epsilon * options.epsilon) break;
    }
  return candidates;
}

}  // namespace tt::plan
