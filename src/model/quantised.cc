#include "model/quantised.h"

#include <onnx/onnx_pb.h>

#include "model/fold_graph.h"

namespace tt::model {
namespace {

const onnx::AttributeProto* attribute(const onnx::NodeProto& node, const std::string& name) {
  for (const onnx::AttributeProto& one : node.attribute())
    if (one.name() == name) return &one;
  return nullptr;
}
std::int64_t integer(const onnx::NodeProto& node, const std::string& name, std::int64_t fallback) {
  const onnx::AttributeProto* const found = attribute(node, name);
  return found == nullptr ? fallback : found->i();
}
float number(const onnx::NodeProto& node, const std::string& name, float fallback) {
  const onnx::AttributeProto* const found = attribute(node, name);
  return found == nullptr ? fallback : found->f();
}

QuantisedUse no_use(std::string why) {
  QuantisedUse use;
  use.why_not = std::move(why);
  return use;
}

// Two codes of 4 bits share a byte.
QuantisedUse expanded_use(const tensor::WeightLayout& layout, unsigned axis = 1) {
  QuantisedUse use;
  use.op = QuantisedOp::expanded;
  use.axis = axis;
  use.least_bits = layout.elements() % 2 == 0 ? 4 : 8;
  return use;
}

// Smaller matrices lie in the caches as floats: codes would make their products slower, and save no memory to
// speak of (docs/quantized.md).
constexpr std::uint64_t kLeastProduct = std::uint64_t{1} << 16;

QuantisedUse product_use(const tensor::WeightLayout& layout, bool plain, unsigned axis) {
  QuantisedUse use = expanded_use(layout, axis);
  if (!plain || layout.dtype != tensor::DType::f32 || layout.elements() < kLeastProduct) return use;
  use.op = QuantisedOp::product;
  use.least_bits = 4;
  return use;
}

QuantisedUse gemm_use(const onnx::NodeProto& node, const tensor::WeightLayout& layout) {
  const bool shifted = node.input_size() > 2 && !node.input(2).empty();
  const bool plain = integer(node, "transA", 0) == 0 && number(node, "alpha", 1) == 1 &&
                     (!shifted || number(node, "beta", 1) == 1);
  return product_use(layout, plain, integer(node, "transB", 0) != 0 ? 1 : 0);
}

QuantisedUse table_use(const onnx::NodeProto& node, const tensor::WeightLayout& layout) {
  QuantisedUse use = expanded_use(layout);
  if (integer(node, "axis", 0) != 0 || layout.dtype != tensor::DType::f32) return use;
  use.op = QuantisedOp::table;
  return use;
}

// Of a weight that `node` alone uses, as input `index`.
QuantisedUse use_by(const FoldGraph& graph, std::uint32_t node, std::uint32_t index,
                    const tensor::WeightLayout& layout) {
  const std::string_view op = graph.op(node);
  const std::optional<onnx::NodeProto> proto = graph.proto(node);
  if (layout.shape.size() != 2 || !proto || proto->output_size() != 1) return expanded_use(layout);
  if (op == "MatMul" && index == 1) return product_use(layout, true, 0);
  if (op == "Gemm" && index == 1) return gemm_use(*proto, layout);
  if (op == "Gather" && index == 0) return table_use(*proto, layout);
  return expanded_use(layout);
}

QuantisedUse use_of(FoldGraph& graph, NameId name, std::uint32_t tensor, const Weight& weight) {
  const FoldConstant* const constant = graph.constant(name);
  if (constant == nullptr || constant->tensor != tensor)
    return no_use("it lies inside a subgraph or function");
  if (constant->locked) return no_use("several tensors share its values");
  const std::uint32_t uses = graph.uses(name);
  if (uses == UINT32_MAX) return no_use("a subgraph or an output of the model uses it, too");
  if (uses == 0) return no_use("no node uses it");
  const std::uint32_t node = graph.consumer(name);
  if (node == kNone) return expanded_use(weight.layout);
  for (std::uint32_t i = 0; i < graph.input_count(node); ++i)
    if (graph.input(node, i) == name) return use_by(graph, node, i, weight.layout);
  return no_use("no node uses it");
}

}  // namespace

std::vector<QuantisedUse> quantised_uses(const Model& model) {
  const Model::State& state = model.state();
  std::vector<QuantisedUse> uses(model.weights().size(), no_use("it has no layer"));
  if (state.format != FileFormat::onnx) return uses;
  const FoldOptions options;
  FoldGraph graph(model, options);
  const std::vector<NameId> names = constant_names(state.onnx);
  if (!graph.is_foldable())
    return std::vector(uses.size(), no_use("the model has training information, quantization annotations or "
                                           "operators before opset 7"));
  for (std::uint32_t t = 0; t < state.of_tensor.size(); ++t)
    if (const std::uint32_t w = state.of_tensor[t]; w != kNone)
      uses[w] = use_of(graph, names[t], t, state.weights[w]);
  return uses;
}

}  // namespace tt::model
