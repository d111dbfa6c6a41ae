#include "model/factor_writer.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"

namespace tt::model {

namespace {

void append(base::Bytes& out, const base::Bytes& bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

template <typename Message>
base::Bytes bytes_of(const Message& message) {
  base::Bytes bytes(message.ByteSizeLong());
  message.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

// Tag and length of a field of `before` and `payload` further bytes, then `before`.
base::Bytes field_before(int number, const base::Bytes& before, std::uint64_t payload) {
  base::Bytes text;
  append_varint(text, bytes_tag(number));
  append_varint(text, before.size() + payload);
  append(text, before);
  return text;
}

// A TensorProto up to its payload.
base::Bytes tensor_start(const Factor& factor, std::int32_t data_type) {
  onnx::TensorProto tensor;
  for (const std::uint64_t dim : factor.shape) tensor.add_dims(static_cast<std::int64_t>(dim));
  tensor.set_data_type(data_type);
  tensor.set_name(factor.name);
  return bytes_of(tensor);
}

base::Bytes raw_tensor_start(const Factor& factor, std::int32_t data_type) {
  base::Bytes text = tensor_start(factor, data_type);
  append(text, field_before(onnx::TensorProto::kRawDataFieldNumber, {}, factor.bytes));
  return text;
}

// A Constant node up to its payload.
base::Bytes constant_start(const Factor& factor, std::int32_t data_type) {
  onnx::AttributeProto value;
  value.set_name("value");
  value.set_type(onnx::AttributeProto::TENSOR);
  base::Bytes attribute = bytes_of(value);
  append(attribute, field_before(onnx::AttributeProto::kTFieldNumber, raw_tensor_start(factor, data_type),
                                 factor.bytes));
  onnx::NodeProto node;
  node.add_output(factor.name);
  node.set_op_type("Constant");
  base::Bytes text = bytes_of(node);
  append(text, field_before(onnx::NodeProto::kAttributeFieldNumber, attribute, factor.bytes));
  return text;
}

}  // namespace

Skeleton FactorWriter::write() {
  const std::vector<Range> defined = definitions();
  std::map<std::uint32_t, std::vector<const FactorPlan*>> by_node;
  for (const FactorPlan& plan : plans_) by_node[plan.node].push_back(&plan);
  for (const auto& [node, plans] : by_node) write_node(node, plans, defined);
  write_tensors();
  remove_declarations();
  if (!domain_.empty() && graph_.places().domains.count(domain_) == 0) import_domain();
  const std::uint64_t size = fix_lengths(state_.onnx.messages, state_.files[0].file.size(), edits_);
  if (size > kMaxProtobufBytes)
    throw base::Error(
        base::ErrorKind::unsupported,
        "the model would have " + std::to_string(size) + " bytes, above protobuf's limit of 2 GB",
        "put its weights into a data file with --external-data");
  SkeletonBuilder builder(state_.files);
  builder.add_file(0, edits_);
  if (!location_.empty())
    builder.add_payload_file(location_, outside_.weights(), outside_.sizes(), kExternalAlignment);
  return builder.take();
}

Edit& FactorWriter::replace(const Range& range) {
  Edit& edit = edits_.emplace_back();
  edit.range = range;
  edit.message = state_.onnx.main_message;
  return edit;
}

Range FactorWriter::node_range(std::uint32_t node) const {
  const std::vector<std::uint32_t>& nodes = graph_.nodes();
  const auto at = std::lower_bound(nodes.begin(), nodes.end(), node) - nodes.begin();
  return graph_.places().nodes[static_cast<std::size_t>(at)].whole;
}

// New tensors and nodes stand where the node stood: constants before their use, and the order of fields of
// two kinds says nothing. A node's field has three bytes or more for each of its inputs, so each part takes
// some of its range: edits are sorted by where they begin.
void FactorWriter::write_node(std::uint32_t node, const std::vector<const FactorPlan*>& plans,
                              const std::vector<Range>& defined) {
  const Range range = node_range(node);
  std::uint64_t at = range.begin;
  base::Bytes before, instead;
  const auto add = [](base::Bytes& text, const base::Bytes& message) {
    if (!message.empty()) append(text, field_before(onnx::GraphProto::kNodeFieldNumber, message, 0));
  };
  for (const FactorPlan* const plan : plans) {
    const std::int32_t type = state_.onnx.tensors[plan->tensor].data_type;
    write_factor({at, at + 1}, plan->left, plan->index, type);
    write_factor({at + 1, at + 2}, plan->right, plan->index + 1, type);
    at += 2;
    for (const base::Bytes& one : plan->nodes.before) add(before, one);
    add(instead, plan->nodes.first);
    add(instead, plan->nodes.second);
    replace(defined[plan->tensor]);
  }
  Edit& nodes = replace({at, range.end});
  nodes.text = std::move(before);
  append(nodes.text, instead);
  if (instead.empty()) nodes.copy = range;
}

// Before version 4 of the format an initializer has to be an input as well; a Constant need not.
void FactorWriter::write_factor(const Range& range, const Factor& factor, std::uint32_t index,
                                std::int32_t weight_type) {
  const std::int32_t data_type = factor.data_type != 0 ? factor.data_type : weight_type;
  const std::uint32_t weight = static_cast<std::uint32_t>(state_.weights.size()) + index;
  Edit& edit = replace(range);
  if (graph_.places().ir_version < kFirstFreeInitializers) {
    edit.text =
        field_before(onnx::GraphProto::kNodeFieldNumber, constant_start(factor, data_type), factor.bytes);
  } else if (!location_.empty() && factor.bytes >= kExternalBytes) {
    base::Bytes tensor = tensor_start(factor, data_type);
    append(tensor, external_fields(location_, outside_.place(weight, factor.bytes), factor.bytes));
    edit.text = field_before(onnx::GraphProto::kInitializerFieldNumber, tensor, 0);
    return;
  } else {
    edit.text = field_before(onnx::GraphProto::kInitializerFieldNumber, raw_tensor_start(factor, data_type),
                             factor.bytes);
  }
  edit.weight = weight;
  edit.weight_size = factor.bytes;
}

// The field of each tensor of the main graph: an initializer, or the node of a constant.
std::vector<Range> FactorWriter::definitions() const {
  const Onnx& onnx = state_.onnx;
  const std::vector<std::uint32_t>& initializers = onnx.graphs[0].initializers;
  std::vector<Range> defined(onnx.tensors.size());
  if (plans_.empty()) return defined;
  for (std::size_t i = 0; i < initializers.size(); ++i)
    defined[initializers[i]] = graph_.places().initializers[i].whole;
  for (const std::uint32_t node : graph_.nodes())
    if (onnx.nodes[node].tensor != kNone) defined[onnx.nodes[node].tensor] = node_range(node);
  return defined;
}

void FactorWriter::write_tensors() {
  std::vector<bool> gone(state_.onnx.tensors.size(), false);
  for (const FactorPlan& plan : plans_) gone[plan.tensor] = true;
  for (std::size_t i = 0; i < state_.onnx.tensors.size(); ++i)
    if (!gone[i]) write_tensor(state_.onnx.tensors[i], state_.of_tensor[i]);
}

void FactorWriter::write_tensor(const TensorInfo& info, std::uint32_t weight) {
  const bool known = weight != kNone, external = info.external != kNone;
  const bool outside = !location_.empty() && known && info.kind == TensorKind::initializer &&
                       info.graph == 0 && info.place.form == PayloadForm::flat &&
                       info.place.length >= kExternalBytes;
  if (outside) {
    base::Bytes fields =
        external_fields(location_, outside_.place(weight, info.place.length), info.place.length);
    if (external)
      return replace_external(info, state_.onnx.externals[info.external], std::move(fields), edits_);
    Edit& edit = edits_.emplace_back();
    edit.range = info.field;
    edit.message = info.message;
    edit.text = std::move(fields);
  } else if (external) {
    inline_external(info, state_.onnx.externals[info.external], weight, edits_);
  } else if (known) {
    edits_.push_back(payload_edit(info.place, weight));
  }
}

// At the end of the file: the order of its fields says nothing.
void FactorWriter::import_domain() {
  onnx::OperatorSetIdProto import;
  import.set_domain(domain_);
  import.set_version(1);
  Edit& edit = edits_.emplace_back();
  edit.range = {state_.files[0].file.size(), state_.files[0].file.size()};
  edit.text = field_before(onnx::ModelProto::kOpsetImportFieldNumber, bytes_of(import), 0);
}

// What the file says about weights that are gone.
void FactorWriter::remove_declarations() {
  std::set<NameId> gone;
  for (const FactorPlan& plan : plans_) gone.insert(plan.value);
  for (const FieldPlace& input : graph_.places().inputs) {
    if (gone.count(input.name) == 0) continue;
    replace(input.whole);
    if (graph_.places().ir_version >= kFirstFreeInitializers)
      dropped_inputs_.push_back(state_.onnx.names[input.name]);
  }
  for (const FieldPlace& value : graph_.places().values)
    if (gone.count(value.name) > 0) replace(value.whole);
}

}  // namespace tt::model
