// Prices the ways to store one weight: bytes and predicted error of every candidate, without encoding
// anything.
//
// Errors are those of the layer's output in the weight's metric, without calibration (C = I) relative
// Frobenius norms of the weight. `lossless` and `f16` are priced by the codec's estimators on the values
// themselves, their rounding errors counted as if they were as likely in every direction; `quant` at a few
// steps on some of the outputs (plan/quant_curve.h), `blockquant` at each of its forms likewise; `lowrank` by
// the singular spectrum (the error of every rank at once, Eckart-Young); `tt` by the spectra of the
// unfoldings, error^2 <= sum_k tail_k(r_k) (Oseledets 2011, Theorem 2.2). Cores in half precision add
// kHalfCoreError^2. Factorisations know C = I only: where there is another metric they are priced only if the
// user asks for them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "codec/codec.h"
#include "plan/curve.h"
#include "plan/quant_curve.h"

namespace tt::plan {

// Relative error that rounding both factors to half precision adds; the measured range on real weights is
// 2e-4 to 4e-4.
inline constexpr double kHalfCoreError = 3e-4;

enum class Method { automatic, svd, tt };

// What may be done to a weight.
enum class Freedom {
  exact,   // bit-exact encodings only: raw, lossless
  values,  // also rounding of single values (f16): biases, norms, other vectors
  matrix,  // also factorisations
};

struct PriceOptions {
  Freedom freedom = Freedom::matrix;
  Method method = Method::automatic;
  std::uint64_t pitch = UINT64_MAX;      // bytes between two candidates of quant, about
  QuantGrid grid = {};                   // of quant
  bool quant_first = false;              // automatic: of layers only quant and the exact encodings are priced
  const tensor::SicPlan* sic = nullptr;  // of the weight's metric; null: C = I
  unsigned min_mantissa = 1;             // f16: fewest mantissa bits that may be kept
  std::optional<std::uint64_t> max_rank = {};  // cap on ranks
  tensor::SvdMethod svd_method = tensor::SvdMethod::truncated;
  std::uint64_t seed = 0;  // of `randomized`
  double epsilon = 0;      // svd, tt: ranks beyond this relative error are not priced
  std::optional<codec::Encoding> fixed =
      {};  // --tensor: this encoding alone; missing ranks and modes are searched
  // Not empty: these alone, all of them blockquant (plan/block_curve.h).
  std::vector<codec::Encoding> blocks = {};
  unsigned block_axis = 1;  // of blockquant where `fixed` leaves it open
};

// At least one candidate. Errors: usage if `fixed` does not fit the weight; bad_data if `sic` does not.
Curve price(const codec::WeightData& weight, const PriceOptions& options);

}  // namespace tt::plan
