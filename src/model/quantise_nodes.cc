#include "model/quantise_nodes.h"

namespace tt::model {
namespace {

constexpr std::int32_t kInt4 = 22;  // TensorProto.DataType since version 1.16 of the format
constexpr std::uint64_t kLeastBlock = 16, kMostBlock = 256;

std::uint64_t blocks(std::uint64_t inputs, std::uint64_t block) {
  return (inputs + block - 1) / block;
}

std::uint64_t product_bytes(const QuantisedLayer& layer, std::uint64_t block) {
  const std::uint64_t inputs = layer.stored.axis == 1 ? layer.cols : layer.rows;
  return blocks(inputs, block) * (block * layer.stored.bits / 8 + sizeof(float));
}
std::uint64_t table_bytes(const QuantisedLayer& layer, std::uint64_t block) {
  return blocks(layer.cols, block) * sizeof(float);
}

// The size of blocks that takes the fewest bytes, none larger than a group.
template <typename Bytes>
std::uint64_t best_block(const QuantisedLayer& layer, const Bytes& bytes) {
  const std::uint64_t most = layer.stored.group == 0 ? kMostBlock : std::min(layer.stored.group, kMostBlock);
  std::uint64_t best = kLeastBlock;
  for (std::uint64_t block = 2 * kLeastBlock; block <= most; block *= 2)
    if (bytes(layer, block) < bytes(layer, best)) best = block;
  return best;
}

void set_attribute(onnx::NodeProto& node, const char* name, std::uint64_t value) {
  onnx::AttributeProto* attribute = node.add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::INT);
  attribute->set_i(static_cast<std::int64_t>(value));
}

void set_form(Factor& tensor, const std::string& name, tensor::Shape shape, std::int32_t type,
              std::uint64_t bytes) {
  tensor.name = name;
  tensor.shape = std::move(shape);
  tensor.data_type = type;
  tensor.bytes = bytes;
}

void set_scales(QuantisedLayer& layer, const std::string& name, tensor::Shape shape) {
  const std::uint64_t count = tensor::element_count(shape);
  set_form(layer.scales, name, std::move(shape), onnx::TensorProto::FLOAT, count * sizeof(float));
}

void set_bytes(QuantisedLayer& layer, const std::string& name, tensor::Shape shape) {
  const std::uint64_t count = tensor::element_count(shape);
  set_form(layer.codes, name, std::move(shape), onnx::TensorProto::UINT8, count);
}

FactorNodes product_nodes(const onnx::NodeProto& node, const FactorNames& names, QuantisedLayer& layer) {
  const bool by_row = layer.stored.axis == 1;
  const std::uint64_t inputs = by_row ? layer.cols : layer.rows, outputs = by_row ? layer.rows : layer.cols;
  const bool shifted = node.op_type() == "Gemm" && node.input_size() > 2 && !node.input(2).empty();
  layer.block = best_block(layer, product_bytes);
  const std::uint64_t count = blocks(inputs, layer.block);
  set_bytes(layer, names.left, {outputs, count, layer.block * layer.stored.bits / 8});
  set_scales(layer, names.right, {outputs * count});
  FactorNodes nodes;
  nodes.first.set_op_type("MatMulNBits");
  nodes.first.set_domain(kContribDomain);
  nodes.first.set_name(shifted ? names.first : node.name());
  for (const std::string& input : {node.input(0), names.left, names.right}) nodes.first.add_input(input);
  nodes.first.add_output(shifted ? names.between : node.output(0));
  set_attribute(nodes.first, "K", inputs);
  set_attribute(nodes.first, "N", outputs);
  set_attribute(nodes.first, "bits", layer.stored.bits);
  set_attribute(nodes.first, "block_size", layer.block);
  set_attribute(nodes.first, "accuracy_level", 1);
  if (!shifted) return nodes;
  nodes.second.set_op_type("Add");
  nodes.second.set_name(node.name());
  nodes.second.add_input(names.between);
  nodes.second.add_input(node.input(2));
  nodes.second.add_output(node.output(0));
  return nodes;
}

FactorNodes table_nodes(const onnx::NodeProto& node, const FactorNames& names, QuantisedLayer& layer) {
  layer.block = best_block(layer, table_bytes);
  set_bytes(layer, names.left, {layer.rows, layer.cols * layer.stored.bits / 8});
  set_scales(layer, names.right, {layer.rows, blocks(layer.cols, layer.block)});
  FactorNodes nodes;
  nodes.first.set_op_type("GatherBlockQuantized");
  nodes.first.set_domain(kContribDomain);
  nodes.first.set_name(node.name());
  for (const std::string& input : {names.left, node.input(1), names.right}) nodes.first.add_input(input);
  nodes.first.add_output(node.output(0));
  set_attribute(nodes.first, "gather_axis", 0);
  set_attribute(nodes.first, "quantize_axis", 1);
  set_attribute(nodes.first, "block_size", layer.block);
  set_attribute(nodes.first, "bits", layer.stored.bits);
  return nodes;
}

FactorNodes kernel_nodes(const onnx::NodeProto& node, const std::string& name, const tensor::Shape& shape,
                         const FactorNames& names, QuantisedLayer& layer) {
  layer.block = 0;
  const bool half = layer.stored.bits == 4;
  const std::uint64_t count = tensor::element_count(shape);
  set_form(layer.codes, names.left, shape, half ? kInt4 : std::int32_t{onnx::TensorProto::INT8},
           half ? (count + 1) / 2 : count);
  set_scales(layer, names.right, {layer.rows});
  FactorNodes nodes;
  nodes.first.set_op_type("DequantizeLinear");
  nodes.first.set_name(names.first);
  nodes.first.add_input(names.left);
  nodes.first.add_input(names.right);
  nodes.first.add_output(name);
  set_attribute(nodes.first, "axis", 0);
  nodes.second = node;
  return nodes;
}

}  // namespace

FactorNodes quantised_nodes(const onnx::NodeProto& node, const std::string& name, const tensor::Shape& shape,
                            const FactorNames& names, QuantisedLayer& layer) {
  if (layer.op == QuantisedOp::product) return product_nodes(node, names, layer);
  if (layer.op == QuantisedOp::table) return table_nodes(node, names, layer);
  return kernel_nodes(node, name, shape, names, layer);
}

namespace {

// Codes as unsigned numbers, zero in the middle, `bits` each, the first in the low bits.
class Packer {
 public:
  explicit Packer(unsigned bits) : bits_(bits) {}
  void add(std::int32_t code) {
    const std::uint32_t mask = (1u << bits_) - 1;
    held_ |= (static_cast<std::uint32_t>(code) & mask) << used_;
    used_ += bits_;
    if (used_ < 8) return;
    flush();
  }
  void flush() {
    if (used_ > 0) bytes_.push_back(static_cast<std::uint8_t>(held_));
    used_ = 0, held_ = 0;
  }
  void reserve(std::uint64_t bytes) { bytes_.reserve(bytes); }
  base::Bytes take() {
    flush();
    return std::move(bytes_);
  }

 private:
  unsigned bits_, used_ = 0;
  std::uint32_t held_ = 0;
  base::Bytes bytes_;
};

}  // namespace

base::Bytes packed_codes(const QuantisedLayer& layer, std::span<const std::int8_t> codes) {
  const BlockShape& stored = layer.stored;
  // In the operators of com.microsoft codes are unsigned.
  const std::int32_t middle = layer.op == QuantisedOp::kernel ? 0 : 1 << (stored.bits - 1);
  Packer packer(stored.bits);
  packer.reserve(layer.codes.bytes);
  if (layer.op != QuantisedOp::product) {
    for (const std::int8_t code : codes) packer.add(code + middle);
    return packer.take();
  }
  const std::uint64_t inputs = stored.axis == 1 ? layer.cols : layer.rows;
  const std::uint64_t outputs = stored.axis == 1 ? layer.rows : layer.cols;
  const std::uint64_t padded = blocks(inputs, layer.block) * layer.block;
  for (std::uint64_t o = 0; o < outputs; ++o)
    for (std::uint64_t i = 0; i < padded; ++i)
      packer.add(i >= inputs ? middle : codes[stored.axis == 1 ? o * inputs + i : i * outputs + o] + middle);
  return packer.take();
}

base::Bytes packed_scales(const QuantisedLayer& layer, std::span<const float> scales) {
  const BlockShape& stored = layer.stored;
  const std::uint64_t inputs = stored.axis == 1 ? layer.cols : layer.rows;
  const std::uint64_t outputs = stored.axis == 1 ? layer.rows : layer.cols;
  const std::uint64_t groups = stored.group == 0 ? 1 : blocks(inputs, stored.group);
  const std::uint64_t count = layer.block == 0 ? 1 : blocks(inputs, layer.block);
  base::Bytes bytes;
  for (std::uint64_t o = 0; o < outputs; ++o)
    for (std::uint64_t b = 0; b < count; ++b) {
      const std::uint64_t group = stored.group == 0 ? 0 : b * layer.block / stored.group;
      base::append_le(bytes, scales[stored.axis == 1 ? o * groups + group : group * outputs + o]);
    }
  return bytes;
}

}  // namespace tt::model
