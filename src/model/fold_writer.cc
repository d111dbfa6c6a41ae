#include "model/fold_writer.h"

#include <onnx/onnx_pb.h>

namespace tt::model {

namespace {

std::int32_t data_type_of(tensor::DType dtype) {
  switch (dtype) {
    case tensor::DType::f16:
      return onnx::TensorProto::FLOAT16;
    case tensor::DType::bf16:
      return onnx::TensorProto::BFLOAT16;
    case tensor::DType::f64:
      return onnx::TensorProto::DOUBLE;
    case tensor::DType::f32:
      break;
  }
  return onnx::TensorProto::FLOAT;
}

void fill(onnx::TensorProto& tensor, const FoldConstant& constant, const std::string& name) {
  for (const std::uint64_t dim : constant.shape) tensor.add_dims(static_cast<std::int64_t>(dim));
  tensor.set_data_type(data_type_of(constant.dtype));
  tensor.set_name(name);
  tensor.set_raw_data(constant.payload->data(), constant.payload->size());
}

template <typename Message>
base::Bytes field_of(int number, const Message& message) {
  base::Bytes text;
  const std::size_t size = message.ByteSizeLong();
  append_varint(text, bytes_tag(number));
  append_varint(text, size);
  const std::size_t at = text.size();
  text.resize(at + size);
  message.SerializeToArray(text.data() + at, static_cast<int>(size));
  return text;
}

}  // namespace

std::optional<base::Bytes> FoldWriter::write() {
  write_initializers();
  write_nodes();
  write_declarations();
  const std::vector<SourceFile>& files = graph_.state_.files;
  const std::uint64_t size = fix_lengths(graph_.onnx_.messages, files[0].file.size(), edits_);
  if (size > kMaxProtobufBytes) return std::nullopt;
  SkeletonBuilder builder(files);
  builder.add_file(0, edits_);
  return builder.take().literals;
}

void FoldWriter::replace(const Range& range, base::Bytes text) {
  Edit edit;
  edit.range = range;
  edit.text = std::move(text);
  edit.message = graph_.onnx_.main_message;
  edits_.push_back(std::move(edit));
}

base::Bytes FoldWriter::initializer(const FoldConstant& constant) const {
  onnx::TensorProto tensor;
  fill(tensor, constant, graph_.onnx_.names[constant.written]);
  return field_of(onnx::GraphProto::kInitializerFieldNumber, tensor);
}

base::Bytes FoldWriter::constant_node(const FoldConstant& constant, const Node& node) const {
  onnx::NodeProto proto;
  proto.add_output(graph_.onnx_.names[constant.written]);
  proto.set_name(graph_.onnx_.names[node.name]);
  proto.set_op_type("Constant");
  onnx::AttributeProto* value = proto.add_attribute();
  value->set_name("value");
  value->set_type(onnx::AttributeProto::TENSOR);
  // The name that the walk gave the tensor: its own, or the output's.
  fill(*value->mutable_t(), constant,
       graph_.onnx_
           .names[constant.tensor == kNone ? constant.written : graph_.onnx_.tensors[constant.tensor].name]);
  return field_of(onnx::GraphProto::kNodeFieldNumber, proto);
}

void FoldWriter::write_initializers() {
  const std::vector<std::uint32_t>& initializers = graph_.onnx_.graphs[0].initializers;
  for (std::size_t i = 0; i < initializers.size(); ++i) {
    const FoldGraph::Wire& wire = graph_.wires_[graph_.onnx_.tensors[initializers[i]].name];
    const Range& range = graph_.places_.initializers[i].whole;
    if (wire.gone) {
      replace(range, {});
    } else if (wire.constant != kNone && graph_.constants_[wire.constant].payload) {
      replace(range, initializer(graph_.constants_[wire.constant]));
    }
  }
}

// A result of folded nodes stands where its node stood; the order of fields of two kinds says nothing.
void FoldWriter::write_nodes() {
  for (std::size_t i = 0; i < graph_.nodes().size(); ++i) {
    const std::uint32_t n = graph_.nodes()[i];
    const Node& node = graph_.onnx_.nodes[n];
    const Range& range = graph_.places_.nodes[i].whole;
    const FoldGraph::Wire& wire = graph_.wires_[graph_.onnx_.value(node.outputs, 0)];
    const FoldConstant* constant = wire.gone || wire.producer != n || wire.constant == kNone
                                       ? nullptr
                                       : &graph_.constants_[wire.constant];
    const auto changed = graph_.protos_.find(n);
    if (constant != nullptr && constant->payload) {
      const bool free = graph_.places_.ir_version >= kFirstFreeInitializers && constant->tensor == kNone;
      replace(range, free ? initializer(*constant) : constant_node(*constant, node));
    } else if (graph_.gone_nodes_[n]) {
      replace(range, {});
    } else if (changed != graph_.protos_.end()) {
      replace(range, field_of(onnx::GraphProto::kNodeFieldNumber, *changed->second));
    }
  }
}

// What the file says about values that are gone or became something else. An initializer that may be
// overridden as an input would make no sense any more with its new values.
void FoldWriter::write_declarations() {
  const bool optional_inputs = graph_.places_.ir_version >= kFirstFreeInitializers;
  for (const FieldPlace& input : graph_.places_.inputs) {
    const FoldGraph::Wire& wire = graph_.wires_[input.name];
    if (wire.initializer == kNone) continue;
    const bool changed = wire.constant != kNone && graph_.constants_[wire.constant].payload;
    if (!wire.gone && !(changed && optional_inputs)) continue;
    replace(input.whole, {});
    if (optional_inputs) dropped_inputs_.push_back(graph_.onnx_.names[input.name]);
  }
  for (const FieldPlace& value : graph_.places_.values) {
    const FoldGraph::Wire& wire = graph_.wires_[value.name];
    const bool changed = wire.constant != kNone && graph_.constants_[wire.constant].payload;
    if (wire.gone || changed) replace(value.whole, {});
  }
}

}  // namespace tt::model
