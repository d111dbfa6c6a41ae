#include "model/taps.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "base/error.h"
#include "base/text.h"
#include "model/layers.h"
#include "model/model_state.h"
#include "model/skeleton.h"

namespace tt::model {

namespace {

constexpr int kMaxSteps = 64;  // of views between a weight and its layer

bool is_product(std::string_view op) {
  return op == "MatMul" || op == "FusedMatMul" || op == "Gemm" || op == "FusedGemm";
}
bool is_recurrent(std::string_view op) {
  return op == "LSTM" || op == "GRU" || op == "RNN";
}

class TapFinder {
 public:
  explicit TapFinder(const Model::State& model)
      : model_(model),
        onnx_(model.onnx),
        values_(onnx_),
        layers_(values_),
        biases_(onnx_.nodes.size(), kNone) {
    for (const LayerUse& use : layers_.uses())
      if (use.role == Role::bias && values_.op(use.node) == "Add") biases_[use.node] = use.input;
  }

  std::vector<Tap> run() const {
    std::vector<Tap> taps;
    for (const LayerUse& use : layers_.uses()) {
      const std::uint32_t weight = model_.of_tensor[use.tensor];
      if (weight == kNone || onnx_.nodes[use.node].graph != 0 || !is_layer_role(use.role)) continue;
      taps.push_back(tap(use, weight));
    }
    return taps;
  }

 private:
  Tap tap(const LayerUse& use, std::uint32_t weight) const {
    const Node& node = onnx_.nodes[use.node];
    Tap tap;
    tap.weight = weight;
    tap.node = onnx_.label(node);
    tap.op = onnx_.op(node);
    tap.input = input_name(use, node);
    tap.output = output_name(node);
    if (is_recurrent(tap.op)) tap.sequence = onnx_.names[onnx_.value(node.inputs, 0)];
    if (is_product(tap.op)) describe_product(use, node, tap);
    if (use.role == Role::conv || use.role == Role::depthwise) describe_kernel(node, tap);
    return tap;
  }

  std::string input_name(const LayerUse& use, const Node& node) const {
    const std::string& op = onnx_.op(node);
    std::uint32_t index = 0;
    if (is_product(op) || op == "Gather") index = 1 - use.input;
    if (is_recurrent(op) && use.input != 1) return {};
    if (op == "EmbedLayerNormalization") {
      if (use.input == 3) return {};
      index = use.input == 4 ? 1 : 0;
    }
    return onnx_.names[onnx_.value(node.inputs, index)];
  }

  // The Add must be all that the layer's output is for.
  std::string output_name(const Node& node) const {
    std::uint32_t index = 0;
    while (index + 1 < node.outputs.count && onnx_.value(node.outputs, index) == 0) ++index;
    const std::uint32_t value = values_.output(node, index);
    if (value != kNone && !values_[value].is_output && values_[value].uses.size() == 1) {
      const Use& use = values_[value].uses[0];
      const Node& next = onnx_.nodes[use.node];
      if (next.graph == 0 && biases_[use.node] == 1 - use.input)
        return onnx_.names[onnx_.value(next.outputs, 0)];
    }
    return onnx_.names[onnx_.value(node.outputs, index)];
  }

  void describe_product(const LayerUse& use, const Node& node, Tap& tap) const {
    tap.weight_is_left = use.input == 0;
    if (node.attributes != kNone) {
      const Attributes& attributes = onnx_.attributes[node.attributes];
      tap.transposed = tap.weight_is_left ? attributes.trans_a : attributes.trans_b;
      tap.input_transposed = tap.weight_is_left ? attributes.trans_b : attributes.trans_a;
    }
    std::uint32_t value = values_.input(node, use.input);
    for (int step = 0; step < kMaxSteps && value != kNone && values_[value].tensor == kNone; ++step) {
      const std::uint32_t producer = values_.producer(value);
      if (producer == kNone) break;
      look_through(onnx_.nodes[producer], use, tap);
      value = values_.input(onnx_.nodes[producer], 0);
    }
  }

  void look_through(const Node& view, const LayerUse& use, Tap& tap) const {
    const std::string& op = onnx_.op(view);
    if (op == "Identity" || op == "Cast" || op == "CastLike" || op == "Dropout") return;
    if (op != "Transpose" || onnx_.tensors[use.tensor].dims.size() != 2 || tap.reshaped) {
      tap.reshaped = true;
      return;
    }
    const std::vector<std::int64_t> perm =
        view.attributes == kNone ? std::vector<std::int64_t>{} : list(onnx_.attributes[view.attributes].perm);
    if (perm.empty() || perm.front() != 0) tap.transposed = !tap.transposed;
  }

  void describe_kernel(const Node& node, Tap& tap) const {
    tap.group = node.group;
    if (node.attributes == kNone) return;
    const Attributes& attributes = onnx_.attributes[node.attributes];
    tap.kernel_shape = list(attributes.kernel_shape);
    tap.strides = list(attributes.strides);
    tap.pads = list(attributes.pads);
    tap.dilations = list(attributes.dilations);
    tap.auto_pad = onnx_.names[attributes.auto_pad];
  }

  std::vector<std::int64_t> list(const List& range) const {
    const auto begin = onnx_.integers.begin() + range.begin;
    return {begin, begin + range.count};
  }

  const Model::State& model_;
  const Onnx& onnx_;
  Values values_;
  Layers layers_;
  std::vector<std::uint32_t> biases_;  // by node: the input of an Add that is a layer's bias
};

// GraphProto.output with a ValueInfoProto of a name.
void append_output(base::Bytes& out, std::string_view name) {
  base::Bytes info;
  append_varint(info, bytes_tag(onnx::ValueInfoProto::kNameFieldNumber));
  append_varint(info, name.size());
  const base::ByteView bytes = base::view_of(name);
  info.insert(info.end(), bytes.begin(), bytes.end());
  append_varint(out, bytes_tag(onnx::GraphProto::kOutputFieldNumber));
  append_varint(out, info.size());
  out.insert(out.end(), info.begin(), info.end());
}

std::unordered_set<std::string_view> node_outputs(const Onnx& onnx) {
  std::unordered_set<std::string_view> names;
  for (const std::uint32_t n : onnx.graphs[0].nodes)
    for (std::uint32_t i = 0; i < onnx.nodes[n].outputs.count; ++i)
      if (const NameId name = onnx.value(onnx.nodes[n].outputs, i)) names.insert(onnx.names[name]);
  return names;
}

}  // namespace

std::vector<Tap> taps_of(const Model& model) {
  if (model.format() == FileFormat::safetensors) return {};
  return TapFinder(model.state()).run();
}

std::vector<std::string> given_values(const Model& model, const std::vector<std::string>& names) {
  if (model.state().onnx.main_message == kNone) return {};
  const std::unordered_set<std::string_view> known = node_outputs(model.state().onnx);
  std::vector<std::string> given;
  for (const std::string& name : names)
    if (known.contains(name)) given.push_back(name);
  return given;
}

Skeleton tapped_skeleton(const Model& model, const std::vector<std::string>& outputs) {
  const Model::State& state = model.state();
  const Onnx& onnx = state.onnx;
  if (onnx.main_message == kNone)
    throw base::Error(base::ErrorKind::usage, "a model without a graph has no outputs to add");
  const std::unordered_set<std::string_view> known = node_outputs(onnx);
  std::unordered_set<std::string_view> present;
  for (const NameId name : onnx.graphs[0].outputs) present.insert(onnx.names[name]);
  Edit edit;
  const std::uint64_t end = onnx.messages[onnx.main_message].body.end;
  edit.range = {end, end};
  edit.message = onnx.main_message;
  for (const std::string& name : outputs) {
    if (!known.contains(name))
      throw base::Error(base::ErrorKind::usage, "no node of the main graph gives " + base::quoted(name));
    if (present.insert(name).second) append_output(edit.text, name);
  }
  if (edit.text.empty()) return model.inline_skeleton();
  return cut_inline(onnx, state.files, state.weights, state.of_tensor, {std::move(edit)});
}

}  // namespace tt::model
