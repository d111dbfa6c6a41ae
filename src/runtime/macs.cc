#include "runtime/macs.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

#include "base/checked.h"
#include "model/taps.h"
#include "runtime/image.h"
#include "runtime/session.h"

namespace tt::runtime {
namespace {

using model::Tap;

bool is_any(std::string_view op, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), op) != names.end();
}
bool is_product(const Tap& tap) {
  return is_any(tap.op, {"MatMul", "FusedMatMul", "Gemm", "FusedGemm"});
}
// Layers whose weight is applied once to every row of X.
bool is_rowwise(const Tap& tap) {
  return is_any(tap.op, {"LSTM", "GRU", "RNN", "Attention"});
}
bool is_conv(const Tap& tap) {
  return is_any(tap.op, {"Conv", "FusedConv", "NhwcFusedConv"});
}
bool multiplies(const Tap& tap) {
  return is_product(tap) || is_rowwise(tap) || is_conv(tap) || tap.op == "ConvTranspose";
}

// The value whose size says how often a layer's weight is used; empty for those that multiply nothing.
std::string counted_value(const Tap& tap) {
  if (is_product(tap) || is_conv(tap)) return tap.output;
  if (tap.op == "ConvTranspose") return tap.input;
  if (is_rowwise(tap)) return tap.sequence.empty() ? tap.input : tap.sequence;
  return {};
}

class Counter {
 public:
  Counter(const model::Model& model, const NamedArrays& inputs, const NamedArrays& outputs) : model_(model) {
    for (const NamedArrays* arrays : {&inputs, &outputs})
      for (const NamedArray& entry : *arrays) arrays_.emplace(entry.name, &entry.array);
  }

  // Nothing if the value is not known.
  std::optional<std::uint64_t> macs(const Tap& tap) const {
    const auto found = arrays_.find(counted_value(tap));
    if (found == arrays_.end()) return std::nullopt;
    const tensor::Shape& shape = found->second->shape;
    const std::uint64_t elements = base::checked_product(shape, "size of a layer's value");
    const tensor::WeightLayout& weight = model_.weights()[tap.weight].layout;
    if (is_product(tap)) return times(elements, sum_length(tap, weight, shape));
    if (is_rowwise(tap))
      return times(shape.empty() || shape.back() == 0 ? 0 : elements / shape.back(), weight.elements());
    return times(elements, weight.elements() / std::max<std::uint64_t>(weight.shape[0], 1));
  }

 private:
  static std::uint64_t times(std::uint64_t a, std::uint64_t b) {
    return base::checked_mul(a, b, "number of multiply-adds");
  }

  static std::uint64_t sum_length(const Tap& tap, const tensor::WeightLayout& weight,
                                  const tensor::Shape& y) {
    const std::size_t rank = weight.shape.size();
    if (!tap.reshaped && rank >= 2)
      return weight.shape[rank - (tap.transposed == tap.weight_is_left ? 2 : 1)];
    const std::size_t axis = tap.weight_is_left ? 2 : 1;
    const std::uint64_t other = y.size() < axis ? 1 : y[y.size() - axis];
    return other == 0 ? 0 : weight.elements() / other;
  }

  const model::Model& model_;
  std::map<std::string_view, const Array*> arrays_;
};

std::vector<std::string> values_to_tap(const std::vector<Tap>& taps, const NamedArrays& inputs) {
  std::vector<std::string> names;
  for (const Tap& tap : taps) {
    std::string name = counted_value(tap);
    if (!name.empty() && find_array(inputs, name) == nullptr) names.push_back(std::move(name));
  }
  return names;
}

// Uses in layers that multiply, without a tap.
std::uint64_t hidden_uses(const model::Model& model, const std::vector<Tap>& taps) {
  std::uint64_t uses = 0;
  Tap use;
  for (const model::Weight& weight : model.weights()) {
    if (!model::is_layer_role(weight.role)) continue;
    for (const std::string& op : weight.op_types) {
      use.op = op;
      if (multiplies(use)) ++uses;
    }
  }
  const auto seen = std::count_if(taps.begin(), taps.end(), multiplies);
  return uses - std::min(uses, static_cast<std::uint64_t>(seen));
}

}  // namespace

model::Model tapped_model(const model::Model& model, const std::vector<std::string>& outputs) {
  std::vector<std::uint64_t> sizes;
  for (const model::Weight& weight : model.weights()) sizes.push_back(weight.layout.payload_size());
  return assembled_model(
      model::tapped_skeleton(model, outputs), sizes,
      [&](std::size_t index, const PayloadSink& sink) {
        sink(0, model.read(model.weights()[index]).payload);
      },
      "model with further outputs");
}

Macs count_macs(const model::Model& model, const NamedArrays& samples, std::uint64_t count,
                unsigned threads) {
  const std::vector<Tap> taps = model::taps_of(model);
  const Session session =
      Session::open(tapped_model(model, values_to_tap(taps, samples)), {.threads = threads, .isolate = {}});
  const NamedArrays outputs = session.run(samples);
  const Counter counter(model, samples, outputs);
  Macs result;
  result.uncounted = hidden_uses(model, taps);
  for (const Tap& tap : taps) {
    if (!multiplies(tap)) continue;
    const std::optional<std::uint64_t> macs = counter.macs(tap);
    if (!macs) {
      ++result.uncounted;
      continue;
    }
    result.layers.push_back({tap.weight, tap.node, tap.op, *macs / count});
    result.total = base::checked_add(result.total, *macs / count, "number of multiply-adds");
  }
  return result;
}

}  // namespace tt::runtime
