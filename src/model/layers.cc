#include "model/layers.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "model/functions.h"

namespace tt::model {

namespace {

struct OpInput {
  std::string_view op;
  std::uint32_t first, last;  // inputs
  Role role;
};

// Operators whose inputs have one meaning. MatMul, Gemm, Gather and the elementwise ones depend on more than
// the input's number.
constexpr OpInput kInputs[] = {
    {"Conv", 1, 1, Role::conv},
    {"Conv", 2, 2, Role::bias},
    {"ConvTranspose", 1, 1, Role::conv},
    {"ConvTranspose", 2, 2, Role::bias},
    {"FusedConv", 1, 1, Role::conv},
    {"FusedConv", 2, 2, Role::bias},
    {"NhwcFusedConv", 1, 1, Role::conv},
    {"NhwcFusedConv", 2, 2, Role::bias},
    {"Gemm", 2, 2, Role::bias},
    {"FusedGemm", 2, 2, Role::bias},
    {"LSTM", 1, 2, Role::recurrent},
    {"LSTM", 3, 3, Role::bias},
    {"GRU", 1, 2, Role::recurrent},
    {"GRU", 3, 3, Role::bias},
    {"RNN", 1, 2, Role::recurrent},
    {"RNN", 3, 3, Role::bias},
    {"BatchNormalization", 1, 4, Role::norm},
    {"InstanceNormalization", 1, 2, Role::norm},
    {"LayerNormalization", 1, 2, Role::norm},
    {"GroupNormalization", 1, 2, Role::norm},
    {"GroupNorm", 1, 2, Role::norm},
    {"RMSNormalization", 1, 1, Role::norm},
    {"SimplifiedLayerNormalization", 1, 1, Role::norm},
    {"SkipLayerNormalization", 2, 3, Role::norm},
    {"SkipLayerNormalization", 4, 4, Role::bias},
    {"SkipSimplifiedLayerNormalization", 2, 2, Role::norm},
    {"SkipSimplifiedLayerNormalization", 3, 3, Role::bias},
    {"EmbedLayerNormalization", 2, 4, Role::embedding},
    {"EmbedLayerNormalization", 5, 6, Role::norm},
    // Query, key and value in one matrix count as the most sensitive of the three.
    {"Attention", 1, 1, Role::attention_v},
    {"Attention", 2, 2, Role::bias},
    {"MultiHeadAttention", 3, 3, Role::bias},
    {"BiasGelu", 1, 1, Role::bias},
    {"FastGelu", 1, 1, Role::bias},
};

bool is_gemm(std::string_view op) {
  return op == "Gemm" || op == "FusedGemm";
}
bool is_product(std::string_view op) {
  return op == "MatMul" || op == "FusedMatMul" || is_gemm(op);
}

bool is_depthwise(std::string_view op, const Node& node, const TensorInfo& info) {
  if (node.group <= 1 || info.dims.size() < 3 || info.dims[1] != 1) return false;
  return op != "ConvTranspose" || info.dims[0] == static_cast<std::uint64_t>(node.group);
}

// One dimension other than 1: [n], [1, n, 1, 1].
bool is_vector(const TensorInfo& info) {
  return std::count_if(info.dims.begin(), info.dims.end(), [](std::uint64_t d) { return d != 1; }) == 1;
}

}  // namespace

Layers::Layers(const Values& values)
    : values_(values),
      matrix_(values.onnx().nodes.size(), kNone),
      dense_calls_(values.onnx().nodes.size(), false),
      scaled_(values.onnx().nodes.size(), false) {
  std::vector<LayerUse> elementwise;
  std::uint32_t count = static_cast<std::uint32_t>(values.onnx().nodes.size());
  for (std::uint32_t n = 0; n < count; ++n) {
    const Node& node = values.node(n);
    if (is_view_op(values.op(n))) continue;
    for (std::uint32_t i = 0; i < node.inputs.count; ++i) {
      std::uint32_t tensor = values.constant(values.input(node, i));
      if (tensor == kNone) continue;
      Role role = role_of(n, i, tensor);
      if (is_layer_role(role) && role != Role::embedding) matrix_[n] = tensor;
      uses_.push_back({n, tensor, role, i});
    }
  }
  find_calls();
  // Biases and decomposed normalisations need to know the layers; the Add after a Mul needs to know the Mul.
  for (std::string_view op : {"Mul", "Add", "Sub"}) {
    for (LayerUse& use : uses_) {
      if (values.op(use.node) != op) continue;
      const Node& node = values.node(use.node);
      bool first = values.constant(values.input(node, 0)) == use.tensor;
      use.role = elementwise_role(use.node, first ? 0 : 1, use.tensor);
      if (op == "Mul" && use.role == Role::norm) scaled_[use.node] = true;
    }
  }
}

// A call with one matrix or kernel is a layer of the graph that it stands in.
void Layers::find_calls() {
  const FunctionInputs inputs(values_, uses_, [](const LayerUse&, Role role) { return role; });
  std::map<std::uint32_t, std::vector<std::pair<std::uint32_t, Role>>> matrices;  // by node
  for (const LayerUse& use : uses_) {
    if (values_.callee(use.node) == kNone) continue;
    const Role role = inputs.role_of(use);
    if (is_layer_role(role) && role != Role::embedding) matrices[use.node].emplace_back(use.tensor, role);
  }
  for (const auto& [node, found] : matrices) {
    if (found.size() != 1) continue;
    matrix_[node] = found[0].first;
    dense_calls_[node] = found[0].second == Role::dense;
  }
}

bool Layers::is_dense(std::uint32_t node) const {
  return matrix_[node] != kNone && (is_product(values_.op(node)) || dense_calls_[node]);
}

Role Layers::role_of(std::uint32_t n, std::uint32_t input, std::uint32_t tensor) const {
  std::string_view op = values_.op(n);
  const Node& node = values_.node(n);
  const TensorInfo& info = values_.onnx().tensors[tensor];
  if (values_.callee(n) != kNone) return Role::other;  // see FunctionInputs
  if (is_product(op) && input < 2) {
    bool both = values_.constant(values_.input(node, 1 - input)) != kNone;
    return info.dims.size() >= 2 && !both ? Role::dense : Role::other;
  }
  if (op == "Gather" && input == 0 && node.axis == 0 && info.dims.size() == 2) return Role::embedding;
  for (const OpInput& row : kInputs) {
    if (row.op != op || input < row.first || input > row.last) continue;
    return row.role == Role::conv && is_depthwise(op, node, info) ? Role::depthwise : row.role;
  }
  return Role::other;
}

// The root of a variance: what a decomposed normalisation divides by.
bool Layers::is_root(std::uint32_t value) const {
  std::uint32_t n = values_.producer(values_.source(value));
  if (n == kNone) return false;
  std::string_view op = values_.op(n);
  if (op == "Sqrt") {
    // Square roots of sizes (1 / sqrt(d) of attention) come from constants or shapes, those of variances from
    // a mean.
    std::uint32_t inner = values_.producer(values_.source(values_.input(values_.node(n), 0)));
    return inner != kNone &&
           (values_.op(inner) == "Add" || values_.op(inner) == "ReduceMean" || values_.op(inner) == "Max");
  }
  return op == "ReduceL2";
}

bool Layers::is_normalised(std::uint32_t value) const {
  std::uint32_t n = values_.producer(values_.source(value));
  if (n == kNone) return false;
  std::string_view op = values_.op(n);
  const Node& node = values_.node(n);
  if (op.ends_with("Normalization")) return true;
  if (op == "Div") return is_root(values_.input(node, 1));
  if (op != "Mul") return false;
  for (std::uint32_t i = 0; i < 2; ++i) {
    std::uint32_t factor = values_.producer(values_.source(values_.input(node, i)));
    if (factor == kNone) continue;
    const Node& inverse = values_.node(factor);
    if (values_.op(factor) == "Reciprocal" && is_root(values_.input(inverse, 0))) return true;
    if (values_.op(factor) == "Div" && is_root(values_.input(inverse, 1))) return true;
  }
  return false;
}

Role Layers::elementwise_role(std::uint32_t n, std::uint32_t input, std::uint32_t tensor) const {
  const Node& node = values_.node(n);
  if (!is_vector(values_.onnx().tensors[tensor])) return Role::other;
  std::uint32_t other = values_.input(node, 1 - input);
  if (other == kNone) return Role::other;
  std::uint32_t before = values_.producer(values_.source(other));
  bool after_layer = before != kNone && matrix_[before] != kNone;
  if (values_.op(n) == "Mul") return is_normalised(other) || after_layer ? Role::norm : Role::other;
  if (before != kNone && scaled_[before]) return Role::norm;
  if (after_layer) return Role::bias;
  return is_normalised(other) ? Role::norm : Role::other;
}

}  // namespace tt::model
