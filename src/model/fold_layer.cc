#include "model/fold_layer.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>

namespace tt::model {

namespace {

constexpr int kMaxSteps = 64;

using Kind = FoldLayer::Kind;

bool is_zero(const onnx::AttributeProto& attribute) {
  return std::all_of(attribute.ints().begin(), attribute.ints().end(), [](std::int64_t x) { return x == 0; });
}

// Operators that keep the number of dimensions of their first input.
bool keeps_rank(std::string_view op) {
  for (const std::string_view known :
       {"Identity", "Cast", "Dropout", "BatchNormalization", "Relu", "LeakyRelu", "PRelu", "Elu", "Selu",
        "Sigmoid", "Tanh", "Clip", "Gelu", "Softmax"})
    if (op == known) return true;
  return false;
}

// Whether a value has two dimensions, by what the file declares or by the node that gives it.
bool is_matrix(FoldGraph& graph, NameId value) {
  for (int step = 0; step < kMaxSteps && value != 0; ++step) {
    if (const auto rank = graph.rank(value)) return *rank == 2;
    const std::uint32_t node = graph.producer(value);
    if (node == kNone) return false;
    const std::string_view op = graph.op(node);
    if (op == "Gemm" || op == "Flatten") return true;
    if (op == "Reshape") {
      const auto shape = graph.integers(graph.input(node, 1));
      return shape && shape->size() == 2;
    }
    const FoldConstant* right = op == "MatMul" ? graph.constant(graph.input(node, 1)) : nullptr;
    if (!keeps_rank(op) && (right == nullptr || right->shape.size() != 2)) return false;
    value = graph.input(node, 0);
  }
  return false;
}

// One number a channel along axis 1 of a value with `rank` dimensions, whatever is added to it.
bool is_channel_vector(const tensor::Shape& shape, std::uint64_t channels, std::size_t rank) {
  if (shape.size() > rank || shape.size() + 1 < rank) return false;
  const std::size_t axis = shape.size() + 1 - rank;
  for (std::size_t d = 0; d < shape.size(); ++d)
    if (shape[d] != (d == axis ? channels : 1)) return false;
  return true;
}

}  // namespace

std::uint64_t FoldLayer::output_of(std::uint64_t index) const {
  const std::uint64_t first = index / (second_ * inner_), second = index / inner_ % second_;
  if (kind == Kind::conv) return first;
  if (kind == Kind::conv_transpose) return first / (inputs / group) * second_ + second;
  return transposed ? first : second;
}

std::uint64_t FoldLayer::input_of(std::uint64_t index) const {
  const std::uint64_t first = index / (second_ * inner_), second = index / inner_ % second_;
  if (kind == Kind::conv) return first / (outputs / group) * second_ + second;
  if (kind == Kind::conv_transpose) return first;
  return transposed ? second : first;
}

class LayerReader {
 public:
  LayerReader(FoldGraph& graph, std::uint32_t node) : graph_(graph) { layer_.node = node; }

  FoundLayer run() {
    if (const char* obstacle = read()) return {std::nullopt, obstacle};
    return {layer_, nullptr};
  }

 private:
  const char* read() {
    const std::string_view op = graph_.op(layer_.node);
    if (op == "Conv")
      layer_.kind = Kind::conv;
    else if (op == "ConvTranspose")
      layer_.kind = Kind::conv_transpose;
    else if (op == "Gemm")
      layer_.kind = Kind::gemm;
    else if (op == "MatMul")
      layer_.kind = Kind::matmul;
    else
      return "no layer beside it";
    const NameId name = graph_.input(layer_.node, 1);
    layer_.weight = graph_.constant(name);
    if (layer_.weight == nullptr) return "the layer's weight is no constant";
    if (layer_.weight->locked || !graph_.is_exclusive(name)) return "the layer's weight is shared or kept";
    const std::optional<onnx::NodeProto> proto = graph_.proto(layer_.node);
    if (!proto || graph_.output(layer_.node) == 0) return "the layer has an unknown form";
    for (const onnx::AttributeProto& attribute : proto->attribute())
      if (!take(attribute)) return "the layer has an unknown form";
    if (!set_channels()) return "the layer has an unknown form";
    return read_bias();
  }

  // False for attributes that change what the layer does in an unknown way.
  bool take(const onnx::AttributeProto& attribute) {
    const std::string& name = attribute.name();
    if (layer_.kind == Kind::matmul) return false;
    if (layer_.kind == Kind::gemm) {
      if (name == "transB") layer_.transposed = attribute.i() != 0;
      if (name == "alpha") layer_.alpha = static_cast<double>(attribute.f());
      if (name == "beta") layer_.beta = static_cast<double>(attribute.f());
      if (name == "transA") return attribute.i() == 0;
      const bool usable = std::isfinite(layer_.alpha) && std::isfinite(layer_.beta) && layer_.beta != 0;
      return usable && (name == "transB" || name == "beta" || name == "alpha");
    }
    if (name == "group") {
      layer_.group = static_cast<std::uint64_t>(attribute.i());
      return attribute.i() >= 1;
    }
    if (name == "pads") layer_.pads = layer_.pads || !is_zero(attribute);
    if (name == "auto_pad")
      layer_.pads = layer_.pads || (attribute.s() != "VALID" && attribute.s() != "NOTSET");
    for (const char* known :
         {"pads", "auto_pad", "strides", "dilations", "kernel_shape", "output_padding", "output_shape"})
      if (name == known) return true;
    return false;
  }

  bool set_channels() {
    const tensor::Shape& shape = layer_.weight->shape;
    const bool product = layer_.kind == Kind::gemm || layer_.kind == Kind::matmul;
    if (product ? shape.size() != 2 : shape.size() < 3) return false;
    layer_.second_ = shape[1];
    layer_.inner_ = layer_.weight->elements() / (shape[0] * shape[1]);
    if (shape[0] % layer_.group != 0) return false;
    const bool first_is_output = layer_.kind == Kind::conv || (product && layer_.transposed);
    const std::uint64_t second = shape[1] * layer_.group;  // at most shape[0] * shape[1]
    layer_.outputs = first_is_output ? shape[0] : second;
    layer_.inputs = first_is_output ? second : shape[0];
    return true;
  }

  const char* read_bias() {
    if (layer_.kind == Kind::matmul) return nullptr;
    const NameId name = graph_.input(layer_.node, 2);
    if (name == 0) return graph_.input_count(layer_.node) <= 3 ? nullptr : "the layer has an unknown form";
    layer_.bias = graph_.constant(name);
    if (layer_.bias == nullptr || layer_.bias->dtype != layer_.weight->dtype)
      return "the layer's bias is no constant";
    if (layer_.bias->locked || !graph_.is_exclusive(name)) return "the layer's bias is shared or kept";
    if (!is_channel_vector(layer_.bias->shape, layer_.outputs, 2))
      return "the layer's bias is not one number a channel";
    return nullptr;
  }

  FoldGraph& graph_;
  FoldLayer layer_;
};

FoundLayer fold_layer(FoldGraph& graph, std::uint32_t node) {
  return LayerReader(graph, node).run();
}

FoundLayer fold_layer_behind(FoldGraph& graph, std::uint32_t node) {
  std::uint32_t layer = node;
  std::uint32_t side = 0;  // of the layer, among the inputs of the Add
  if (graph.op(node) == "Add") {
    if (graph.constant(graph.input(node, 0)) != nullptr) side = 1;
    layer = graph.producer(graph.input(node, side));
    if (layer == kNone || graph.constant(graph.input(node, 1 - side)) == nullptr)
      return {std::nullopt, "no layer beside it"};
    if (graph.uses(graph.input(node, side)) != 1)
      return {std::nullopt, "the layer's output is used elsewhere"};
  }
  FoundLayer found = fold_layer(graph, layer);
  if (!found.layer) return found;
  const bool product = found.layer->kind == Kind::matmul;
  if (product && !is_matrix(graph, graph.input(layer, 0)))
    return {std::nullopt, "the layer's output is not known to be a matrix"};
  if (layer == node) return found;
  const NameId bias = graph.input(node, 1 - side);
  found.layer->add = node;
  found.layer->added = graph.constant(bias);
  if (!graph.is_exclusive(bias) || graph.output(node) == 0)
    return {std::nullopt, "the layer's bias is shared or kept"};
  if (!is_channel_vector(found.layer->added->shape, found.layer->outputs, found.layer->weight->shape.size()))
    return {std::nullopt, "the layer's bias is not one number a channel"};
  return found;
}

}  // namespace tt::model
