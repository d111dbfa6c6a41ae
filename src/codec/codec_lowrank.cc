// `lowrank`: left (rows x rank) and right (rank x cols), two typed cores or two coded ones
// (codec/coded_factors.h); the weight is their product in the decoder's fixed order.
#include <algorithm>

#include "codec/codecs.h"
#include "codec/coded_factors.h"
#include "codec/core_rounding.h"
#include "codec/cursor.h"
#include "codec/row_writer.h"
#include "tensor/gram.h"
#include "tensor/svd.h"

namespace tt::codec {
namespace {

// Rounds both factors to halves. The right one is first solved anew for the rounded left one: that costs no
// byte and takes back most of what rounding the left one lost.
void round_factors(const tensor::MatrixView& a, tensor::LowRank& factors) {
  balance(factors);
  factors.left = rounded_core(factors.left, tensor::DType::f16);
  std::vector<float> refitted = tensor::solve_right(a, factors.left, factors.rank);
  factors.right = rounded_core(factors.right, tensor::DType::f16);
  if (refitted.empty() || !fits_half(refitted)) return;
  refitted = rounded_core(refitted, tensor::DType::f16);
  const double plain = tensor::residual_energy(a, factors.left, factors.right, factors.rank);
  if (tensor::residual_energy(a, factors.left, refitted, factors.rank) < plain)
    factors.right = std::move(refitted);
}

void report(const tensor::Svd& found, std::uint64_t wanted, const EncodeOptions& options) {
  if (!options.warn) return;
  for (const tensor::SvdAttempt& attempt : found.failures) {
    options.warn(std::string(tensor::svd_method_name(attempt.method)) + " svd of rank " +
                 std::to_string(attempt.max_rank) + " failed: " + attempt.reason);
  }
  if (found.rank < wanted)
    options.warn("its last " + std::to_string(wanted - found.rank) + " components of " +
                 std::to_string(wanted) + " are zero");
}

// Factors of `rank` columns and rows: what an emergency result of lower rank lacks is zero.
tensor::LowRank widened(const tensor::LowRank& factors, std::uint64_t rank) {
  tensor::LowRank wide{factors.rows, factors.cols, rank, std::vector<float>(factors.rows * rank),
                       factors.right};
  for (std::uint64_t i = 0; i < factors.rows; ++i)
    std::copy_n(factors.left.data() + i * factors.rank, factors.rank, wide.left.data() + i * rank);
  wide.right.resize(rank * factors.cols);
  return wide;
}

class LowRankCodec final : public Codec {
 public:
  Format format() const override { return Format::lowrank; }
  void check(const WeightLayout& layout, const Encoding& encoding) const override {
    check_layout(layout);
    if (knows_metric(encoding))
      check_sides(layout);
    else
      check_core_dtype(encoding);
    const std::uint64_t least = knows_metric(encoding) ? 0 : 1, most = std::min(layout.rows, layout.cols);
    if (encoding.rank >= least && encoding.rank <= most) return;
    throw base::Error(base::ErrorKind::usage,
                      "bad value " + std::to_string(encoding.rank) + " for key 'rank' of a " +
                          std::to_string(layout.rows) + "x" + std::to_string(layout.cols) + " weight",
                      most == 0 ? "an empty weight has no rank" : "give 1 to " + std::to_string(most));
  }
  std::vector<CoreLayout> core_layouts(const WeightLayout& layout, const Encoding& encoding) const override {
    if (knows_metric(encoding)) return {{std::nullopt, {0}}, {std::nullopt, {0}}};
    return {{encoding.dtype, {layout.rows, encoding.rank}}, {encoding.dtype, {encoding.rank, layout.cols}}};
  }
  std::vector<Core> encode(const WeightData& weight, const Encoding& encoding,
                           const EncodeOptions& options) const override {
    check(weight.layout, encoding);
    return knows_metric(encoding) ? encode_coded(weight, encoding, options)
                                  : encode_typed(weight, encoding, options);
  }
  Encoding settled(Encoding encoding, const CoreReader& cores) const override {
    if (knows_metric(encoding)) encoding.rank = coded_rank(cores);
    return encoding;
  }
  void decode(const WeightLayout& layout, const Encoding& encoding, const CoreReader& cores,
              const PayloadSink& sink) const override {
    tensor::LowRank factors = read_low_rank(layout, encoding, cores);
    stream_product(layout, factors.left, std::move(factors.right), layout.rows, factors.rank, layout.cols,
                   sink);
  }

 private:
  static void check_sides(const WeightLayout& layout) {
    if (std::max(layout.rows, layout.cols) <= kMaxSide) return;
    throw base::Error(base::ErrorKind::usage,
                      "a weight of " + std::to_string(layout.rows) + "x" + std::to_string(layout.cols) +
                          " is too long for coded factors",
                      "use quant");
  }
  static std::vector<Core> encode_coded(const WeightData& weight, const Encoding& encoding,
                                        const EncodeOptions& options) {
    if (!has_coded_factors(weight))
      throw base::Error(base::ErrorKind::usage,
                        "cannot factorise a weight, its values are not finite, too large or too small",
                        "store it as lossless or quant");
    std::optional<tensor::SicPlan> own;
    const FactorQuantiser quantiser(weight, plan_for(weight.layout, options, own), encoding.rank);
    return quantiser.cores(encoding.step > 0 ? encoding.step : quantiser.step_for_rate(encoding.rate));
  }
  std::vector<Core> encode_typed(const WeightData& weight, const Encoding& encoding,
                                 const EncodeOptions& options) const {
    const std::vector<float> values = weight.values();
    const tensor::MatrixView view{values, weight.layout.rows, weight.layout.cols};
    const tensor::Svd found = tensor::svd_with_retries(
        view, {.method = options.svd_method, .max_rank = encoding.rank, .seed = options.seed},
        options.solver);
    report(found, encoding.rank, options);
    tensor::LowRank factors = tensor::balanced(found);
    if (found.rank < encoding.rank) factors = widened(factors, encoding.rank);
    if (encoding.dtype == tensor::DType::f16) round_factors(view, factors);
    const std::vector<CoreLayout> layouts = core_layouts(weight.layout, encoding);
    return {make_core(layouts[0], factors.left), make_core(layouts[1], factors.right)};
  }
};

}  // namespace

tensor::LowRank read_low_rank(const WeightLayout& layout, const Encoding& encoding, const CoreReader& cores) {
  const std::vector<CoreLayout> layouts = lowrank_codec().core_layouts(layout, encoding);
  check_cores(layouts, cores);
  if (knows_metric(encoding)) return read_coded_factors(layout, cores);
  return {layout.rows, layout.cols, encoding.rank, read_core(layouts[0], cores, 0),
          read_core(layouts[1], cores, 1)};
}

const Codec& lowrank_codec() {
  static const LowRankCodec codec;
  return codec;
}

}  // namespace tt::codec
