// `tt`: d typed cores [rank, mode, rank]; the weight is the product of the two halves of the train
// (tensor/product.h).
#include <algorithm>
#include <cmath>

#include "base/checked.h"
#include "codec/codecs.h"
#include "codec/core_rounding.h"
#include "codec/cursor.h"
#include "tensor/product.h"

namespace tt::codec {
namespace {

constexpr std::size_t kMaxModes = 8;

[[noreturn]] void refuse(const std::string& why, const std::string& hint) {
  throw base::Error(base::ErrorKind::usage, why, hint);
}

// All d + 1 ranks.
std::vector<std::uint64_t> full_ranks(const Encoding& encoding) {
  std::vector<std::uint64_t> ranks{1};
  ranks.insert(ranks.end(), encoding.ranks.begin(), encoding.ranks.end());
  ranks.push_back(1);
  return ranks;
}

void check_modes(const WeightLayout& layout, const Encoding& encoding) {
  const std::vector<std::uint64_t>& modes = encoding.modes;
  if (modes.empty() || modes.size() > kMaxModes)
    refuse("key 'modes' is missing or too long", "give 1 to 8 modes");
  std::uint64_t product = 1;
  bool overflow = false;
  for (const std::uint64_t mode : modes) overflow |= __builtin_mul_overflow(product, mode, &product);
  if (overflow || product != layout.elements() || product == 0) {
    refuse("modes " + tensor::shape_text(modes) + " do not multiply to the " +
               std::to_string(layout.elements()) + " elements of a " + tensor::shape_text(layout.shape) +
               " weight",
           "the product of the modes is the number of elements");
  }
  if (encoding.ranks.size() + 1 != modes.size()) {
    refuse("key 'ranks' has " + std::to_string(encoding.ranks.size()) + " values for " +
               std::to_string(modes.size()) + " modes",
           "there is one rank fewer than modes");
  }
}

// A rank is at most what the core on either side can give.
void check_ranks(const Encoding& encoding) {
  const std::vector<std::uint64_t> ranks = full_ranks(encoding);
  for (std::size_t k = 1; k + 1 < ranks.size(); ++k) {
    std::uint64_t from_left = 0, from_right = 0;
    // On overflow the bound is above any rank.
    if (__builtin_mul_overflow(ranks[k - 1], encoding.modes[k - 1], &from_left)) from_left = ranks[k];
    if (__builtin_mul_overflow(encoding.modes[k], ranks[k + 1], &from_right)) from_right = ranks[k];
    const std::uint64_t most = std::min(from_left, from_right);
    if (ranks[k] >= 1 && ranks[k] <= most) continue;
    refuse("rank " + std::to_string(ranks[k]) + " at place " + std::to_string(k) +
               " of key 'ranks' does not fit modes " + tensor::shape_text(encoding.modes),
           "with its neighbours it can be 1 to " + std::to_string(most));
  }
}

// The largest intermediate of contracting the halves stays near the size of the weight itself.
void check_halves(const WeightLayout& layout, const Encoding& encoding) {
  const std::vector<std::uint64_t> ranks = full_ranks(encoding);
  const std::uint64_t limit = 4 * std::min(layout.elements(), std::uint64_t{1} << 60) + 1'000'000;
  std::uint64_t left = 1;
  for (std::size_t k = 0; k <= encoding.modes.size(); ++k) {
    const std::uint64_t right = layout.elements() / left;
    std::uint64_t size = 0;
    if (__builtin_mul_overflow(std::min(left, right), ranks[k], &size) || size > limit) {
      refuse("ranks " + tensor::shape_text(encoding.ranks) + " need more memory than the weight",
             "give smaller ranks");
    }
    if (k < encoding.modes.size()) left *= encoding.modes[k];
  }
}

// Spreads the magnitude of the first core over all by a power of two: the others are orthonormal, their
// entries at most 1.
void balance(tensor::TensorTrain& train) {
  float largest = 0;
  for (const float value : train.cores[0]) largest = std::max(largest, std::abs(value));
  if (largest == 0 || !std::isfinite(largest)) return;
  const auto order = static_cast<int>(train.cores.size());
  const int shift = std::ilogb(largest) / order;
  for (std::size_t k = 0; k < train.cores.size(); ++k) {
    const int by = k == 0 ? -shift * (order - 1) : shift;
    for (float& value : train.cores[k]) value = std::ldexp(value, by);
  }
}

class TtCodec final : public Codec {
 public:
  Format format() const override { return Format::tt; }
  void check(const WeightLayout& layout, const Encoding& encoding) const override {
    check_layout(layout);
    check_core_dtype(encoding);
    check_modes(layout, encoding);
    check_ranks(encoding);
    check_halves(layout, encoding);
  }
  std::vector<CoreLayout> core_layouts(const WeightLayout&, const Encoding& encoding) const override {
    const std::vector<std::uint64_t> ranks = full_ranks(encoding);
    std::vector<CoreLayout> layouts;
    for (std::size_t k = 0; k < encoding.modes.size(); ++k) {
      layouts.push_back({encoding.dtype, {ranks[k], encoding.modes[k], ranks[k + 1]}});
    }
    return layouts;
  }
  std::vector<Core> encode(const WeightData& weight, const Encoding& encoding,
                           const EncodeOptions&) const override {
    check(weight.layout, encoding);
    tensor::TensorTrain train = tensor::tt_svd(weight.values(), encoding.modes, {encoding.ranks, 0});
    if (encoding.dtype == tensor::DType::f16) balance(train);
    const std::vector<CoreLayout> layouts = core_layouts(weight.layout, encoding);
    std::vector<Core> cores;
    for (std::size_t k = 0; k < layouts.size(); ++k) {
      cores.push_back(make_core(layouts[k], rounded_core(train.cores[k], encoding.dtype)));
    }
    return cores;
  }
  void decode(const WeightLayout& layout, const Encoding& encoding, const CoreReader& cores,
              const PayloadSink& sink) const override {
    const std::vector<CoreLayout> layouts = core_layouts(layout, encoding);
    check_cores(layouts, cores);
    tensor::TensorTrain train{encoding.modes, full_ranks(encoding), {}};
    for (std::size_t k = 0; k < layouts.size(); ++k) train.cores.push_back(read_core(layouts[k], cores, k));
    tensor::TrainHalves halves = tensor::contract_halves(train);
    train = {};
    stream_product(layout, halves.left, std::move(halves.right), halves.rows, halves.rank, halves.cols, sink);
  }
};

}  // namespace

const Codec& tt_codec() {
  static const TtCodec codec;
  return codec;
}

}  // namespace tt::codec
