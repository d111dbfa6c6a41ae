#include "model/quantised.h"

#include <onnx/onnx_pb.h>

#include "model/fold_graph.h"

namespace tt::model {
namespace {

constexpr std::uint64_t kAxisOpset = 13, kInt4Opset = 21;  // of DequantizeLinear

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

QuantisedUse product_use(unsigned axis) {
  QuantisedUse use;
  use.op = QuantisedOp::product;
  use.axis = axis;
  return use;
}

QuantisedUse gemm_use(const onnx::NodeProto& node) {
  const bool shifted = node.input_size() > 2 && !node.input(2).empty();
  if (integer(node, "transA", 0) != 0 || number(node, "alpha", 1) != 1 ||
      (shifted && number(node, "beta", 1) != 1))
    return no_use("its Gemm transposes or scales");
  return product_use(integer(node, "transB", 0) != 0 ? 1 : 0);
}

QuantisedUse table_use(const onnx::NodeProto& node, std::uint64_t width) {
  if (integer(node, "axis", 0) != 0) return no_use("its Gather is not one of rows");
  QuantisedUse use;
  use.op = QuantisedOp::table;
  use.least_bits = width % 2 == 0 ? 4 : 8;  // two codes share a byte
  return use;
}

QuantisedUse kernel_use(std::uint64_t opset) {
  if (opset < kAxisOpset) return no_use("DequantizeLinear has one scale only before opset 13");
  QuantisedUse use;
  use.op = QuantisedOp::kernel;
  use.least_bits = opset < kInt4Opset ? 8 : 4;
  use.whole_rows = true;
  return use;
}

// Of a weight that `node` alone uses, as input `index`.
QuantisedUse use_by(const FoldGraph& graph, std::uint32_t node, std::uint32_t index,
                    const tensor::Shape& shape) {
  const std::string_view op = graph.op(node);
  const std::optional<onnx::NodeProto> proto = graph.proto(node);
  const bool matrix = shape.size() == 2;
  if (!proto) return no_use("its node is too large");
  if ((op == "Conv" || op == "ConvTranspose") && index == 1 && shape.size() > 2)
    return kernel_use(graph.opset());
  if (!matrix) return no_use("it is no matrix");
  if (op == "MatMul" && index == 1) return product_use(0);
  if (op == "Gemm" && index == 1) return gemm_use(*proto);
  if (op == "Gather" && index == 0) return table_use(*proto, shape[1]);
  return no_use("no quantised operator does what its node does");
}

QuantisedUse use_of(FoldGraph& graph, NameId name, std::uint32_t tensor, const Weight& weight) {
  if (weight.layout.dtype != tensor::DType::f32) return no_use("it is not float32");
  if (weight.layout.elements() == 0) return no_use("it is empty");
  const FoldConstant* const constant = graph.constant(name);
  if (constant == nullptr || constant->tensor != tensor || constant->locked)
    return no_use("it is not a constant of the main graph alone");
  if (graph.is_input(constant->name) && graph.ir_version() >= kFirstFreeInitializers)
    return no_use("it is the default of an input");
  const std::uint32_t node = graph.consumer(constant->name);
  if (node == kNone || !graph.is_exclusive(constant->name)) return no_use("several nodes use it");
  for (std::uint32_t i = 0; i < graph.input_count(node); ++i)
    if (graph.input(node, i) == constant->name) return use_by(graph, node, i, weight.layout.shape);
  return no_use("several nodes use it");
}

}  // namespace

std::vector<QuantisedUse> quantised_uses(const Model& model) {
  const Model::State& state = model.state();
  std::vector<QuantisedUse> uses(model.weights().size(), no_use("no node of the main graph uses it"));
  if (state.format != FileFormat::onnx) return uses;
  const FoldOptions options;
  FoldGraph graph(model, options);
  const std::vector<NameId> names = constant_names(state.onnx);
  if (!graph.is_foldable()) return std::vector(uses.size(), no_use("its graph cannot be rewritten"));
  for (std::uint32_t t = 0; t < state.of_tensor.size(); ++t)
    if (const std::uint32_t w = state.of_tensor[t]; w != kNone)
      uses[w] = use_of(graph, names[t], t, state.weights[w]);
  return uses;
}

}  // namespace tt::model
