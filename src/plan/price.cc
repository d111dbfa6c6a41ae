#include "plan/price.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "plan/block_curve.h"
#include "plan/factor_curve.h"
#include "plan/factors.h"
#include "plan/rounding.h"
#include "plan/tap_curve.h"
#include "tensor/tensor_train.h"

namespace tt::plan {
namespace {

using codec::Encoding;
using codec::Format;
using tensor::DType;

std::vector<Candidate> price_exact(const codec::WeightData& weight) {
  return {{{.format = Format::raw}, weight.layout.payload_size(), 0, 0},
          {{.format = Format::lossless}, codec::estimate_lossless(weight), 0, 0}};
}

void append(std::vector<Candidate>& all, std::vector<Candidate> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

std::vector<Candidate> price_factors(const codec::WeightLayout& layout, std::span<const float> values,
                                     const PriceOptions& options) {
  std::vector<Candidate> candidates;
  if (layout.rows < 2 || layout.cols < 2) return candidates;
  std::vector<DType> core_types{DType::f16};
  if (options.method != Method::automatic) core_types.push_back(DType::f32);
  if (options.method != Method::tt) append(candidates, price_low_rank(layout, values, options, core_types));
  const std::vector<std::uint64_t> modes = tensor::balanced_modes(layout.rows, layout.cols);
  // Two modes are the matrix itself: a low rank.
  if (options.method == Method::tt || (options.method == Method::automatic && modes.size() > 2))
    append(candidates, price_tensor_train(layout, values, modes, options, core_types));
  return candidates;
}

// A complete encoding is tried for real: its bytes and its error are exact.
Candidate measure(const codec::WeightData& weight, const Encoding& encoding, const PriceOptions& options) {
  const codec::Codec& codec = codec::codec_for(encoding.format);
  codec.check(weight.layout, encoding);
  const std::vector<codec::Core> cores = codec.encode(weight, encoding, {.sic = options.sic});
  std::uint64_t bytes = 0;
  for (const codec::Core& core : cores) bytes += core.bytes.size();
  const double error = codec::relative_error(weight, encoding, codec::MemoryCores(cores));
  return {encoding, bytes, error * error, error};
}

// Candidates of the weight as float32, which loses `narrowing` (narrowing_error). What f64 elements lose on
// the way there is added to every error; where one is too large for float32 there are none.
template <typename Price>
std::vector<Candidate> through_float(double narrowing, const Price& price) {
  if (!std::isfinite(narrowing)) return {};
  std::vector<Candidate> candidates = price();
  if (narrowing == 0) return candidates;
  for (Candidate& candidate : candidates) {
    candidate.loss += narrowing * narrowing;
    candidate.relative_error = std::sqrt(candidate.loss);
  }
  return candidates;
}

// --tensor: one encoding; ranks and modes that it leaves open are searched.
std::vector<Candidate> price_fixed(const codec::WeightData& weight, const PriceOptions& options) {
  Encoding encoding = *options.fixed;
  if (encoding.format == Format::lowrank && encoding.rank == 0 && !codec::knows_metric(encoding))
    return through_float(narrowing_error(weight), [&] {
      return price_low_rank(weight.layout, weight.values(), options, {encoding.dtype});
    });
  if (encoding.format == Format::blockquant && encoding.axis == codec::kNoAxis)
    encoding.axis = options.block_axis;
  if (encoding.format == Format::tt && encoding.modes.empty())
    encoding.modes = tensor::balanced_modes(weight.layout.rows, weight.layout.cols);
  if (encoding.format == Format::tt && encoding.ranks.empty())
    return through_float(narrowing_error(weight), [&] {
      return price_tensor_train(weight.layout, weight.values(), encoding.modes, options, {encoding.dtype});
    });
  return {measure(weight, encoding, options)};
}

// `quant`, and where factors are allowed `tucker` and `lowrank` with coded ones.
std::vector<Candidate> price_codes(const codec::WeightData& weight, const PriceOptions& options) {
  const bool gently = options.freedom == Freedom::values;
  const Curve quant = pareto(price_quant(weight, options.sic, gently, options.grid));
  std::vector<Candidate> candidates = refine(quant, options.pitch);
  if (options.freedom != Freedom::matrix) return candidates;
  append(candidates,
         refine(pareto(price_coded_factors(weight, options.sic, quant,
                                           {.ratio = options.grid.ratio, .max_rank = options.max_rank})),
                options.pitch));
  append(candidates,
         refine(pareto(price_taps(weight, options.sic, quant, options.grid.sampled)), options.pitch));
  return candidates;
}

std::vector<Candidate> price_free(const codec::WeightData& weight, const PriceOptions& options) {
  std::vector<Candidate> candidates = price_exact(weight);
  if (options.freedom == Freedom::exact) return candidates;
  if (!options.blocks.empty())
    return through_float(narrowing_error(weight), [&] {
      return price_block(weight, options.sic, options.blocks, options.grid.sampled);
    });
  const bool single_values = options.freedom == Freedom::values || options.method == Method::automatic;
  const bool few = options.quant_first && options.freedom == Freedom::matrix && single_values;
  // First, because it needs a copy of the weight too.
  std::vector<Candidate> rounded = single_values && !few ? price_rounded(weight) : std::vector<Candidate>{};
  const bool factors =
      options.freedom == Freedom::matrix && !few &&
      (options.method != Method::automatic || options.sic == nullptr || options.sic->uniform());
  const double narrowing = narrowing_error(weight);
  if (!few)
    append(candidates, through_float(narrowing, [&] {
             const std::vector<float> values = weight.values();
             std::vector<Candidate> found;
             if (single_values) append(found, price_halves(values, options.min_mantissa));
             if (factors) append(found, price_factors(weight.layout, values, options));
             return found;
           }));
  // On its own: it needs a copy of the weight too.
  if (single_values)
    append(candidates, through_float(narrowing, [&] { return price_codes(weight, options); }));
  append(candidates, std::move(rounded));
  return candidates;
}

}  // namespace

Curve price(const codec::WeightData& weight, const PriceOptions& options) {
  if (!tensor::all_finite(weight.layout.dtype, weight.payload)) return pareto(price_exact(weight));
  std::vector<Candidate> candidates =
      options.fixed ? price_fixed(weight, options) : price_free(weight, options);
  for (Candidate& candidate : candidates) candidate.loss = retention_loss(candidate.loss);
  return pareto(std::move(candidates));
}

}  // namespace tt::plan
