#include "model/quantise_nodes.h"

#include <onnx/onnx_pb.h>

namespace tt::model {
namespace {

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

base::Bytes bytes_of(const onnx::NodeProto& node) {
  base::Bytes bytes(node.ByteSizeLong());
  node.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
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
  onnx::NodeProto product;
  product.set_op_type(op_name(layer.op));
  product.set_domain(kContribDomain);
  product.set_name(shifted ? names.first : node.name());
  for (const std::string& input : {node.input(0), names.left, names.right}) product.add_input(input);
  product.add_output(shifted ? names.between : node.output(0));
  set_attribute(product, "K", inputs);
  set_attribute(product, "N", outputs);
  set_attribute(product, "bits", layer.stored.bits);
  set_attribute(product, "block_size", layer.block);
  set_attribute(product, "accuracy_level", 1);
  FactorNodes nodes;
  nodes.first = bytes_of(product);
  if (!shifted) return nodes;
  onnx::NodeProto sum;
  sum.set_op_type("Add");
  sum.set_name(node.name());
  sum.add_input(names.between);
  sum.add_input(node.input(2));
  sum.add_output(node.output(0));
  nodes.second = bytes_of(sum);
  return nodes;
}

FactorNodes table_nodes(const onnx::NodeProto& node, const FactorNames& names, QuantisedLayer& layer) {
  layer.block = best_block(layer, table_bytes);
  set_bytes(layer, names.left, {layer.rows, layer.cols * layer.stored.bits / 8});
  set_scales(layer, names.right, {layer.rows, blocks(layer.cols, layer.block)});
  onnx::NodeProto lookup;
  lookup.set_op_type(op_name(layer.op));
  lookup.set_domain(kContribDomain);
  lookup.set_name(node.name());
  for (const std::string& input : {names.left, node.input(1), names.right}) lookup.add_input(input);
  lookup.add_output(node.output(0));
  set_attribute(lookup, "gather_axis", 0);
  set_attribute(lookup, "quantize_axis", 1);
  set_attribute(lookup, "block_size", layer.block);
  set_attribute(lookup, "bits", layer.stored.bits);
  FactorNodes nodes;
  nodes.first = bytes_of(lookup);
  return nodes;
}

// How the codes of an expanded weight lie: its matrix, or with the groups as a dimension of their own where
// they divide it. Codes of 4 bits share a byte with those half of dimension `halved` away.
struct ExpandedForm {
  tensor::Shape codes, scales;
  std::size_t halved = 0;
  bool looked_up = false;  // scales, by the number of the group
};

ExpandedForm expanded_form(const QuantisedLayer& layer) {
  const BlockShape& stored = layer.stored;
  const std::uint64_t inputs = stored.axis == 1 ? layer.cols : layer.rows;
  const bool one = stored.group == 0 || stored.group >= inputs;
  const std::uint64_t groups = one ? 1 : blocks(inputs, stored.group);
  ExpandedForm form{{layer.rows, layer.cols}, {layer.rows, groups}, 0, false};
  if (stored.axis == 0) form.scales = {groups, layer.cols};
  form.halved = layer.rows % 2 == 0 ? 0 : 1;
  if (one || inputs % stored.group != 0) {
    form.looked_up = !one;
    return form;
  }
  // A group has an even number of codes.
  if (stored.axis == 1) return {{layer.rows, groups, stored.group}, {layer.rows, groups, 1}, 2, false};
  return {{groups, stored.group, layer.cols}, {groups, 1, layer.cols}, 1, false};
}

// The nodes of constants that make a weight of its codes and scales, one after the other.
class Expansion {
 public:
  Expansion(const QuantisedLayer& layer, const QuantisedSite& site, const ExpandedForm& form)
      : layer_(layer), site_(site), form_(form) {}

  FactorNodes nodes() {
    const tensor::Shape& shape = site_.shape;
    const std::string scales = form_.looked_up ? looked_up_scales() : layer_.scales.name;
    std::string value = codes();
    const bool reshaped = shape != form_.codes, cast = site_.data_type != onnx::TensorProto::FLOAT;
    value = add("Mul", {value, scales}, !reshaped && !cast);
    if (reshaped) value = add("Reshape", {value, shape_constant(shape)}, !cast);
    if (cast) {
      add("Cast", {value}, true);
      set_attribute(nodes_.back(), "to", static_cast<std::uint64_t>(site_.data_type));
    }
    FactorNodes nodes;
    for (const onnx::NodeProto& node : nodes_) nodes.before.push_back(bytes_of(node));
    return nodes;
  }

 private:
  // The name of what the new node gives: the weight's own in the end.
  std::string add(const char* op, const std::vector<std::string>& inputs, bool is_last = false) {
    onnx::NodeProto& node = nodes_.emplace_back();
    node.set_op_type(op);
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(is_last ? site_.name : site_.fresh("tt_" + std::to_string(nodes_.size())));
    return node.output(0);
  }
  std::string constant(std::int32_t type, const tensor::Shape& shape, const base::Bytes& payload) {
    const std::string name = add("Constant", {});
    onnx::AttributeProto* const value = nodes_.back().add_attribute();
    value->set_name("value");
    value->set_type(onnx::AttributeProto::TENSOR);
    value->mutable_t()->set_data_type(type);
    for (const std::uint64_t dim : shape) value->mutable_t()->add_dims(static_cast<std::int64_t>(dim));
    value->mutable_t()->set_raw_data(payload.data(), payload.size());
    return name;
  }
  std::string number(float value) {
    base::Bytes payload;
    base::append_le(payload, value);
    return constant(onnx::TensorProto::FLOAT, {}, payload);
  }
  std::string shape_constant(const tensor::Shape& shape) {
    base::Bytes payload;
    for (const std::uint64_t dim : shape) base::append_le(payload, dim);
    return constant(onnx::TensorProto::INT64, {shape.size()}, payload);
  }

  std::string looked_up_scales() {
    const BlockShape& stored = layer_.stored;
    const std::uint64_t inputs = stored.axis == 1 ? layer_.cols : layer_.rows;
    base::Bytes groups;
    for (std::uint64_t i = 0; i < inputs; ++i)
      base::append_le(groups, static_cast<std::int32_t>(i / stored.group));
    const std::string index = constant(onnx::TensorProto::INT32, {inputs}, groups);
    const std::string scales = add("Gather", {layer_.scales.name, index});
    set_attribute(nodes_.back(), "axis", stored.axis);
    return scales;
  }

  std::string codes() {
    const std::string bytes = add("Cast", {layer_.codes.name});
    set_attribute(nodes_.back(), "to", onnx::TensorProto::FLOAT);
    if (layer_.stored.bits == 8) return bytes;
    const std::string sixteen = number(16), eight = number(8);
    const std::string high = add("Floor", {add("Div", {bytes, sixteen})});
    const std::string low = add("Sub", {add("Sub", {bytes, add("Mul", {high, sixteen})}), eight});
    const std::string both = add("Concat", {low, high});
    set_attribute(nodes_.back(), "axis", form_.halved);
    return both;
  }

  const QuantisedLayer& layer_;
  const QuantisedSite& site_;
  const ExpandedForm& form_;
  std::vector<onnx::NodeProto> nodes_;
};

FactorNodes expanded_nodes(const QuantisedSite& site, const FactorNames& names, QuantisedLayer& layer) {
  const ExpandedForm form = expanded_form(layer);
  tensor::Shape packed = form.codes;
  if (layer.stored.bits == 4) packed[form.halved] /= 2;
  const std::uint64_t count = tensor::element_count(packed);
  layer.block = 0;
  set_form(layer.codes, names.left, std::move(packed), onnx::TensorProto::INT8, count);
  set_scales(layer, names.right, form.scales);
  return Expansion(layer, site, form).nodes();
}

}  // namespace

FactorNodes quantised_nodes(const QuantisedSite& site, const FactorNames& names, QuantisedLayer& layer) {
  if (layer.op == QuantisedOp::product) return product_nodes(site.node, names, layer);
  if (layer.op == QuantisedOp::table) return table_nodes(site.node, names, layer);
  return expanded_nodes(site, names, layer);
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

namespace {

base::Bytes halves(const QuantisedLayer& layer, std::span<const std::int8_t> codes) {
  const ExpandedForm form = expanded_form(layer);
  const auto at = form.codes.begin() + static_cast<std::ptrdiff_t>(form.halved);
  const std::uint64_t inner = tensor::element_count({at + 1, form.codes.end()});
  const std::uint64_t away = *at / 2 * inner;
  base::Bytes bytes;
  bytes.reserve(codes.size() / 2);
  for (std::uint64_t first = 0; first < codes.size(); first += 2 * away)
    for (std::uint64_t i = first; i < first + away; ++i)
      bytes.push_back(static_cast<std::uint8_t>(16 * codes[i + away] + codes[i] + 8));
  return bytes;
}

}  // namespace

base::Bytes packed_codes(const QuantisedLayer& layer, std::span<const std::int8_t> codes) {
  const BlockShape& stored = layer.stored;
  if (layer.op == QuantisedOp::expanded && stored.bits == 4) return halves(layer, codes);
  if (layer.op == QuantisedOp::expanded) {
    const base::ByteView bytes(reinterpret_cast<const std::uint8_t*>(codes.data()), codes.size());
    return {bytes.begin(), bytes.end()};
  }
  // In the operators of com.microsoft codes are unsigned.
  const std::int32_t middle = 1 << (stored.bits - 1);
  Packer packer(stored.bits);
  packer.reserve(layer.codes.bytes);
  if (layer.op == QuantisedOp::table) {
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
  base::Bytes bytes;
  if (layer.op == QuantisedOp::expanded) {
    for (const float scale : scales) base::append_le(bytes, scale);
    return bytes;
  }
  const std::uint64_t count = blocks(inputs, layer.block);
  for (std::uint64_t o = 0; o < outputs; ++o)
    for (std::uint64_t b = 0; b < count; ++b) {
      const std::uint64_t group = stored.group == 0 ? 0 : b * layer.block / stored.group;
      base::append_le(bytes, scales[stored.axis == 1 ? o * groups + group : group * outputs + o]);
    }
  return bytes;
}

}  // namespace tt::model
