#include "model/factor_nodes.h"

#include <onnx/onnx_pb.h>

#include "base/text.h"

namespace tt::model {

namespace {

using onnx::NodeProto;

constexpr std::uint64_t kGemmWithoutC = 11;  // opset from which C may be left out

std::int64_t int_attribute(const NodeProto& node, const char* name, std::int64_t fallback) {
  for (const onnx::AttributeProto& attribute : node.attribute())
    if (attribute.name() == name) return attribute.i();
  return fallback;
}

void set_int(NodeProto& node, const char* name, std::int64_t value) {
  onnx::AttributeProto* found = nullptr;
  for (onnx::AttributeProto& attribute : *node.mutable_attribute())
    if (attribute.name() == name) found = &attribute;
  if (found == nullptr) found = node.add_attribute();
  found->set_name(name);
  found->set_type(onnx::AttributeProto::INT);
  found->set_i(value);
}

NodeProto first_node(const FactorSite& site, const char* op, const FactorNames& names) {
  NodeProto node;
  node.set_op_type(op);
  node.set_domain(site.node.domain());
  node.set_name(names.first);
  node.add_output(names.between);
  return node;
}

// The result with nodes that can still change.
struct Draft {
  FactorNodes result;
  NodeProto first, second;
};

Draft refused(std::string why) {
  Draft draft;
  draft.result.why = std::move(why);
  return draft;
}

// W' X' or X' W' with W' = W or its transpose, X' likewise. The factor beside X is multiplied first.
Draft product_nodes(const FactorSite& site, std::uint64_t rank, const FactorNames& names) {
  const bool gemm = site.op == "Gemm", behind = site.input == 1;
  const char* const own = behind ? "transB" : "transA";
  const char* const other = behind ? "transA" : "transB";
  const bool transposed = gemm && int_attribute(site.node, own, 0) != 0;
  const bool x_transposed = gemm && int_attribute(site.node, other, 0) != 0;
  if (site.input > 1) return refused("it is added, not multiplied");
  if (x_transposed && site.opset < kGemmWithoutC)
    return refused("a Gemm with a transposed input needs opset 11 to be split");
  const bool left_first = behind != transposed;
  const std::string& near = left_first ? names.left : names.right;
  const std::string& far = left_first ? names.right : names.left;

  Draft draft;
  draft.result.left_shape = {site.shape[0], rank};
  draft.result.right_shape = {rank, site.shape[1]};
  // A plain product takes the first factor as it multiplies, so it is stored transposed.
  if (transposed && left_first)
    draft.result.left_transposed = true, draft.result.left_shape = {rank, site.shape[0]};
  if (transposed && !left_first)
    draft.result.right_transposed = true, draft.result.right_shape = {site.shape[1], rank};
  draft.first = first_node(site, x_transposed ? "Gemm" : "MatMul", names);
  draft.first.add_input(behind ? site.node.input(0) : near);
  draft.first.add_input(behind ? near : site.node.input(1));
  if (x_transposed) set_int(draft.first, other, 1);
  draft.second = site.node;
  draft.second.set_input(behind ? 0 : 1, names.between);
  draft.second.set_input(site.input, far);
  if (x_transposed) set_int(draft.second, other, 0);
  return draft;
}

Draft conv_nodes(const FactorSite& site, std::uint64_t rank, const FactorNames& names) {
  const std::int64_t group = int_attribute(site.node, "group", 1);
  if (site.input != 1) return refused("it is not the kernel of its convolution");
  if (group != 1) return refused("its convolution has " + std::to_string(group) + " groups");
  Draft draft;
  draft.result.right_shape = site.shape;
  draft.result.right_shape[0] = rank;
  draft.result.left_shape.assign(site.shape.size(), 1);
  draft.result.left_shape[0] = site.shape[0];
  draft.result.left_shape[1] = rank;
  draft.first = first_node(site, "Conv", names);
  draft.first.add_input(site.node.input(0));
  draft.first.add_input(names.right);
  *draft.first.mutable_attribute() = site.node.attribute();
  draft.second = site.node;
  draft.second.set_input(0, names.between);
  draft.second.set_input(1, names.left);
  draft.second.clear_attribute();
  onnx::AttributeProto* kernel = draft.second.add_attribute();
  kernel->set_name("kernel_shape");
  kernel->set_type(onnx::AttributeProto::INTS);
  for (std::size_t i = 2; i < site.shape.size(); ++i) kernel->add_ints(1);
  return draft;
}

Draft table_nodes(const FactorSite& site, std::uint64_t rank, const FactorNames& names) {
  const std::int64_t axis = int_attribute(site.node, "axis", 0);
  if (site.input != 0) return refused("it is not the table of its Gather");
  if (axis != 0 && axis != -2) return refused("its Gather takes columns of it");
  if (site.dtype == tensor::DType::bf16)
    return refused("its Gather would need a product of bfloat16, which runtimes lack");
  Draft draft;
  draft.result.left_shape = {site.shape[0], rank};
  draft.result.right_shape = {rank, site.shape[1]};
  draft.first = site.node;
  draft.first.set_name(names.first);
  draft.first.set_input(0, names.left);
  draft.first.set_output(0, names.between);
  draft.second.set_op_type("MatMul");
  draft.second.set_domain(site.node.domain());
  draft.second.set_name(site.node.name());
  draft.second.add_input(names.between);
  draft.second.add_input(names.right);
  draft.second.add_output(site.node.output(0));
  return draft;
}

Draft draft_nodes(const FactorSite& site, std::uint64_t rank, const FactorNames& names) {
  const bool flat = site.op == "MatMul" || site.op == "Gemm" || site.op == "Gather";
  if (!flat && site.op != "Conv")
    return refused("it goes into " + base::quoted(site.node.op_type()) + ", which is not factored");
  if (site.node.input_size() < 2 || site.node.output_size() != 1) return refused("its node is not complete");
  if (flat ? site.shape.size() != 2 : site.shape.size() < 3)
    return refused("it has " + std::to_string(site.shape.size()) + " dimensions");
  if (site.op == "Conv") return conv_nodes(site, rank, names);
  return site.op == "Gather" ? table_nodes(site, rank, names) : product_nodes(site, rank, names);
}

base::Bytes bytes_of(const NodeProto& node) {
  base::Bytes bytes(node.ByteSizeLong());
  node.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

}  // namespace

FactorNodes factor_nodes(const FactorSite& site, std::uint64_t rank, const FactorNames& names) {
  Draft draft = draft_nodes(site, rank, names);
  draft.result.first = bytes_of(draft.first);
  draft.result.second = bytes_of(draft.second);
  return std::move(draft.result);
}

}  // namespace tt::model
