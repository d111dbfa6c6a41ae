// One codec a format: encodes one weight into cores, decodes it piece by piece. A new format is one file
// (codec_x.cc) and one row in the table of codec_table.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "codec/encoding.h"
#include "tensor/metric.h"
#include "tensor/sic.h"
#include "tensor/svd.h"
#include "tensor/weight_data.h"

namespace tt::codec {

using tensor::WeightData;
using tensor::WeightLayout;

// One factor as it lies in the container. A plain float core has a dtype and a shape; a coded core is bytes
// (no dtype, shape = {size}).
struct CoreLayout {
  std::optional<tensor::DType> dtype;
  tensor::Shape shape;
};
struct Core {
  CoreLayout layout;
  base::Bytes bytes;
};

// Random access to the cores of a stored weight; `size` is the stored size of a core in bytes.
class CoreReader {
 public:
  virtual ~CoreReader() = default;
  virtual std::size_t count() const = 0;
  virtual std::uint64_t size(std::size_t core) const = 0;
  virtual void read(std::size_t core, std::uint64_t offset, std::span<std::uint8_t> out) const = 0;
};
// Cores in memory.
class MemoryCores : public CoreReader {
 public:
  explicit MemoryCores(const std::vector<Core>& cores) : cores_(cores) {}
  std::size_t count() const override { return cores_.size(); }
  std::uint64_t size(std::size_t core) const override { return cores_[core].bytes.size(); }
  void read(std::size_t core, std::uint64_t offset, std::span<std::uint8_t> out) const override;

 private:
  const std::vector<Core>& cores_;
};

// How a weight is encoded: in which metric, and how factors are computed (which changes their last digits,
// and what is stored where a method fails).
struct EncodeOptions {
  // What the error is measured in, where the format makes use of it (quant, blockquant); null: the identity.
  const tensor::Metric* metric = nullptr;
  const tensor::SicPlan* sic = nullptr;  // of this metric, where the caller has one already
  tensor::SvdMethod svd_method = tensor::SvdMethod::truncated;  // lowrank
  std::uint64_t seed = 0;                                       // of `randomized`
  // Told what was tried in vain, e.g. "randomized svd of rank 32 failed: ...".
  std::function<void(const std::string&)> warn = {};
  tensor::SvdSolver solver = tensor::svd;  // another one in tests
};

// Receives consecutive pieces of the decoded payload: offset in payload bytes, ascending, without gaps, whole
// elements, at most about 4 MiB each.
using PayloadSink = std::function<void(std::uint64_t offset, base::ByteView piece)>;

class Codec {
 public:
  virtual ~Codec() = default;
  virtual Format format() const = 0;
  // True if the encoding is complete and fits the weight (ranks, modes, dtype). Never allocates by claimed
  // sizes. Errors: usage naming the parameter and what is allowed.
  virtual void check(const WeightLayout& layout, const Encoding& encoding) const = 0;
  // Layout of the cores; the size of a coded core is 0 here (only known after coding). `encoding` was
  // checked.
  virtual std::vector<CoreLayout> core_layouts(const WeightLayout& layout,
                                               const Encoding& encoding) const = 0;
  // Errors: bad_data if the metric does not fit the weight.
  virtual std::vector<Core> encode(const WeightData& weight, const Encoding& encoding,
                                   const EncodeOptions& options) const = 0;
  std::vector<Core> encode(const WeightData& weight, const Encoding& encoding) const {
    return encode(weight, encoding, {});
  }
  // The encoding as it turned out: with what encoding was left to choose (a rank). Errors: corrupt.
  virtual Encoding settled(Encoding encoding, const CoreReader& /*cores*/) const { return encoding; }
  // Exactly payload_size() bytes go to `sink`. Memory beyond the cores: O(4 MiB), low rank and tt hold their
  // factors. Errors: corrupt if the cores do not decode (any bytes give an error or a result, never a crash
  // or a blow-up).
  virtual void decode(const WeightLayout& layout, const Encoding& encoding, const CoreReader& cores,
                      const PayloadSink& sink) const = 0;
};

const Codec& codec_for(Format format);
std::vector<Format> all_formats();

// decode() into one buffer.
base::Bytes decode_all(const WeightLayout& layout, const Encoding& encoding, const CoreReader& cores);

// ||W - W^||_F / ||W||_F of a decoded payload against the original, in double; 0 for identical bytes (NaN
// included), 1 if W is zero and W^ is not.
double relative_error(const WeightData& original, const Encoding& encoding, const CoreReader& cores);

// The same in a layer's metric: sqrt(tr(E C E^T) / tr(W C W^T)) of the decoded weight, in double. Errors:
// bad_data if the metric does not fit the weight.
double output_error(const WeightData& original, const Encoding& encoding, const CoreReader& cores,
                    const tensor::Metric& metric);

// Fast estimates of the coded size in bytes (within 2 %), without coding: `lossless` of the payload, and
// `f16` with `mantissa` bits.
std::uint64_t estimate_lossless(const WeightData& weight);
std::uint64_t estimate_f16(std::span<const float> values, unsigned mantissa);
// `rounded`: the payload with `bits` mantissa bits kept, 1 <= bits < mantissa_bits(dtype). Errors: usage if a
// value overflows.
WeightData round_mantissa(const WeightData& weight, unsigned bits);
unsigned mantissa_bits(tensor::DType dtype);  // stored ones: 23 for f32
// The value that `f16,mantissa=bits` decodes to: half precision, mantissa rounded to nearest even at `bits`.
float round_half(float value, unsigned bits);

}  // namespace tt::codec
