#include "model/factor_nodes.h"

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

FactorNodes refused(std::string why) {
  FactorNodes nodes;
  nodes.why = std::move(why);
  return nodes;
}

// W' X' or X' W' with W' = W or its transpose, X' likewise. The factor beside X is multiplied first.
FactorNodes product_nodes(const FactorSite& site, std::uint64_t rank, const FactorNames& names) {
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

  FactorNodes nodes;
  nodes.left_shape = {site.shape[0], rank};
  nodes.right_shape = {rank, site.shape[1]};
  // A plain product takes the first factor as it multiplies, so it is stored transposed.
  if (transposed && left_first) nodes.left_transposed = true, nodes.left_shape = {rank, site.shape[0]};
  if (transposed && !left_first) nodes.right_transposed = true, nodes.right_shape = {site.shape[1], rank};
  nodes.first = first_node(site, x_transposed ? "Gemm" : "MatMul", names);
  nodes.first.add_input(behind ? site.node.input(0) : near);
  nodes.first.add_input(behind ? near : site.node.input(1));
  if (x_transposed) set_int(nodes.first, other, 1);
  nodes.second = site.node;
  nodes.second.set_input(behind ? 0 : 1, names.between);
  nodes.second.set_input(site.input, far);
  if (x_transposed) set_int(nodes.second, other, 0);
  return nodes;
}

FactorNodes conv_nodes(const FactorSite& site, std::uint64_t rank, const FactorNames& names) {
  const std::int64_t group = int_attribute(site.node, "group", 1);
  if (site.input != 1) return refused("it is not the kernel of its convolution");
  if (group != 1) return refused("its convolution has " + std::to_string(group) + " groups");
  FactorNodes nodes;
  nodes.right_shape = site.shape;
  nodes.right_shape[0] = rank;
  nodes.left_shape.assign(site.shape.size(), 1);
  nodes.left_shape[0] = site.shape[0];
  nodes.left_shape[1] = rank;
  nodes.first = first_node(site, "Conv", names);
  nodes.first.add_input(site.node.input(0));
  nodes.first.add_input(names.right);
  *nodes.first.mutable_attribute() = site.node.attribute();
  nodes.second = site.node;
  nodes.second.set_input(0, names.between);
  nodes.second.set_input(1, names.left);
  nodes.second.clear_attribute();
  onnx::AttributeProto* kernel = nodes.second.add_attribute();
  kernel->set_name("kernel_shape");
  kernel->set_type(onnx::AttributeProto::INTS);
  for (std::size_t i = 2; i < site.shape.size(); ++i) kernel->add_ints(1);
  return nodes;
}

FactorNodes table_nodes(const FactorSite& site, std::uint64_t rank, const FactorNames& names) {
  const std::int64_t axis = int_attribute(site.node, "axis", 0);
  if (site.input != 0) return refused("it is not the table of its Gather");
  if (axis != 0 && axis != -2) return refused("its Gather takes columns of it");
  if (site.dtype == tensor::DType::bf16)
    return refused("its Gather would need a product of bfloat16, which runtimes lack");
  FactorNodes nodes;
  nodes.left_shape = {site.shape[0], rank};
  nodes.right_shape = {rank, site.shape[1]};
  nodes.first = site.node;
  nodes.first.set_name(names.first);
  nodes.first.set_input(0, names.left);
  nodes.first.set_output(0, names.between);
  nodes.second.set_op_type("MatMul");
  nodes.second.set_domain(site.node.domain());
  nodes.second.set_name(site.node.name());
  nodes.second.add_input(names.between);
  nodes.second.add_input(names.right);
  nodes.second.add_output(site.node.output(0));
  return nodes;
}

}  // namespace

FactorNodes factor_nodes(const FactorSite& site, std::uint64_t rank, const FactorNames& names) {
  const bool flat = site.op == "MatMul" || site.op == "Gemm" || site.op == "Gather";
  if (!flat && site.op != "Conv")
    return refused("it goes into " + base::quoted(site.node.op_type()) + ", which is not factored");
  if (site.node.input_size() < 2 || site.node.output_size() != 1) return refused("its node is not complete");
  if (flat ? site.shape.size() != 2 : site.shape.size() < 3)
    return refused("it has " + std::to_string(site.shape.size()) + " dimensions");
  if (site.op == "Conv") return conv_nodes(site, rank, names);
  return site.op == "Gather" ? table_nodes(site, rank, names) : product_nodes(site, rank, names);
}

}  // namespace tt::model
