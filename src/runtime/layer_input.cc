#include "runtime/layer_input.h"

#include <algorithm>

#include "base/text.h"

namespace tt::runtime {
namespace {

using model::Tap;
using tensor::Shape;

// What one use of a weight asks for.
struct Use {
  LayerInput input;
  unsigned axis = 1;
  std::uint64_t group = 1;
  std::string note;  // why it cannot be had
};

Use no_use(std::string note) {
  Use use;
  use.note = std::move(note);
  return use;
}

Use rows_use(const Tap& tap, InputKind kind, unsigned axis, std::uint64_t size) {
  Use use;
  use.input = {kind, tap.input, size, 1, {}, tap.node};
  use.axis = axis;
  return use;
}

// The axis of W that meets the input, and the axis of the input that meets W.
Use product_use(const Tap& tap, const tensor::WeightLayout& layout) {
  // [16, 4, 4, 10] as 256 x 10 is the matrix view; any other shape will not fit the input.
  const bool flattened = tap.reshaped && layout.shape.size() > 2 && !tap.transposed;
  if (tap.reshaped && !flattened) return no_use("its matrix is reshaped before the product");
  if (layout.shape.size() != 2 && !flattened) return no_use("a product of several matrices at once");
  const unsigned axis = tap.weight_is_left != tap.transposed ? 1 : 0;
  const bool columns = tap.weight_is_left != tap.input_transposed;
  return rows_use(tap, columns ? InputKind::columns : InputKind::rows, axis,
                  axis == 0 ? layout.rows : layout.cols);
}

Use conv_use(const Tap& tap, const Shape& shape) {
  if (shape.size() < 3 || tap.group < 1) return no_use("a kernel without spatial axes");
  const Shape kernel(shape.begin() + 2, shape.end());
  const std::uint64_t channels = shape[1] * static_cast<std::uint64_t>(tap.group);
  const bool depthwise = tap.group > 1 && shape[1] == 1;
  const std::string what = "layer " + base::quoted(tap.node);
  Use use = rows_use(tap, depthwise ? InputKind::energies : InputKind::patches, depthwise ? 0 : 1, 0);
  use.input.conv = conv_geometry(channels, tap.group, kernel, tap.strides, tap.pads, tap.dilations,
                                 tap.auto_pad, what);
  use.input.size = depthwise ? shape[0] : use.input.conv.patch_size();
  if (depthwise) use.input.copies = std::max<std::uint64_t>(1, shape[0] / channels);
  if (depthwise && use.input.copies * channels != shape[0]) return no_use("channels that do not divide");
  return use;
}

Use transposed_conv_use(const Tap& tap, const Shape& shape) {
  if (shape.size() < 3 || tap.group < 1 || shape[0] % static_cast<std::uint64_t>(tap.group) != 0)
    return no_use("a kernel without spatial axes");
  Use use = rows_use(tap, InputKind::channels, 0, shape[0]);
  use.group = static_cast<std::uint64_t>(tap.group);
  return use;
}

// W meets the input; R, whose tap has no input, the states.
Use recurrent_use(const Tap& tap, const Shape& shape, std::uint64_t gates) {
  if (shape.size() != 3 || shape[1] % gates != 0) return no_use("recurrent weights of another shape");
  const bool hidden = tap.input.empty();
  Use use = rows_use(tap, hidden ? InputKind::hidden : InputKind::rows, 1, shape[2]);
  if (hidden) use.input.value = tap.output;
  return use;
}

Use use_of(const Tap& tap, const model::Weight& weight) {
  const Shape& shape = weight.layout.shape;
  for (const auto& [op, gates] : {std::pair("LSTM", 4), std::pair("GRU", 3), std::pair("RNN", 1)})
    if (tap.op == op) return recurrent_use(tap, shape, static_cast<std::uint64_t>(gates));
  if (tap.input.empty()) return no_use("no value of the graph goes into its layer");
  if (tap.op == "MatMul" || tap.op == "FusedMatMul" || tap.op == "Gemm" || tap.op == "FusedGemm")
    return product_use(tap, weight.layout);
  if (tap.op == "Attention") return rows_use(tap, InputKind::rows, 0, weight.layout.rows);
  if (tap.op == "Gather") return rows_use(tap, InputKind::tokens, 0, weight.layout.rows);
  if (tap.op == "Conv" || tap.op == "FusedConv") return conv_use(tap, shape);
  if (tap.op == "ConvTranspose") return transposed_conv_use(tap, shape);
  return no_use("inputs of " + base::printable(tap.op) + " are not summed");
}

class Collector {
 public:
  explicit Collector(const model::Model& model) : model_(model) {
    result_.weights.resize(model.weights().size());
  }

  void add(const Tap& tap) {
    Use use = use_of(tap, model_.weights()[tap.weight]);
    WeightInput& weight = result_.weights[tap.weight];
    if (!use.note.empty()) {
      if (weight.inputs.empty()) weight.note = use.note;
      return;
    }
    if (!weight.inputs.empty() && !joins(weight, use)) return;
    weight.axis = use.axis;
    weight.group = use.group;
    const std::size_t index = index_of(std::move(use.input));
    if (std::find(weight.inputs.begin(), weight.inputs.end(), index) == weight.inputs.end())
      weight.inputs.push_back(index);
  }

  LayerInputs take() {
    for (std::size_t i = 0; i < result_.weights.size(); ++i)
      if (result_.weights[i].inputs.empty() && result_.weights[i].note.empty() &&
          model::is_layer_role(model_.weights()[i].role))
        result_.weights[i].note = "its layer lies inside a subgraph or a function";
    return std::move(result_);
  }

 private:
  // Uses that meet the same axis are summed. A table that is also a head is measured as a head: there every row
  // counts.
  bool joins(WeightInput& weight, const Use& use) {
    const LayerInput& first = result_.inputs[weight.inputs[0]];
    const bool same =
        weight.axis == use.axis && weight.group == use.group && first.diagonal() == use.input.diagonal();
    if (same) return true;
    weight.note = "not all of its uses are summed, they meet different axes";
    if (!first.diagonal() || use.input.diagonal()) return false;
    weight.inputs.clear();
    return true;
  }

  std::size_t index_of(LayerInput input) {
    for (std::size_t i = 0; i < result_.inputs.size(); ++i)
      if (same_input(result_.inputs[i], input)) return i;
    result_.inputs.push_back(std::move(input));
    return result_.inputs.size() - 1;
  }

  const model::Model& model_;
  LayerInputs result_;
};

}  // namespace

std::string_view input_kind_name(InputKind kind) {
  switch (kind) {
    case InputKind::rows:
      return "rows";
    case InputKind::columns:
      return "columns";
    case InputKind::patches:
      return "patches";
    case InputKind::channels:
      return "channels";
    case InputKind::energies:
      return "energies";
    case InputKind::tokens:
      return "tokens";
    default:
      return "hidden";
  }
}

bool same_input(const LayerInput& a, const LayerInput& b) {
  return a.kind == b.kind && a.value == b.value && a.size == b.size && a.copies == b.copies &&
         a.conv == b.conv;
}

LayerInputs layer_inputs(const model::Model& model, const std::vector<Tap>& taps) {
  Collector collector(model);
  for (const Tap& tap : taps) collector.add(tap);
  return collector.take();
}

}  // namespace tt::runtime
