// Changes of a FoldGraph.
#include <onnx/onnx_pb.h>

#include "base/error.h"
#include "model/fold_graph.h"
#include "model/fold_values.h"
#include "model/skeleton_writer.h"

namespace tt::model {

base::Bytes FoldGraph::read(const FoldConstant& constant) const {
  if (constant.payload) return *constant.payload;
  const Place& place = onnx_.tensors[constant.tensor].place;
  base::Bytes payload = state_.files[place.file].file.read_bytes(place.offset, place.length);
  if (place.form == PayloadForm::varint16) payload = from_varint16(payload, constant.elements());
  if (payload.size() != constant.bytes())
    throw base::Error(base::ErrorKind::bad_data, "a constant has another size than its dimensions say");
  return payload;
}

std::vector<double> FoldGraph::doubles(const FoldConstant& constant) const {
  return doubles_of(constant.dtype, read(constant));
}

bool FoldGraph::may_become(const FoldConstant& constant, tensor::DType dtype,
                           const tensor::Shape& shape) const {
  if (places_.ir_version >= kFirstFreeInitializers || wires_[constant.name].initializer == kNone) return true;
  return constant.dtype == dtype && constant.shape == shape;
}

void FoldGraph::set_values(FoldConstant& constant, tensor::DType dtype, tensor::Shape shape,
                           base::Bytes payload) {
  constant.dtype = dtype;
  constant.shape = std::move(shape);
  new_bytes_ += payload.size();
  if (constant.payload) new_bytes_ -= constant.payload->size();
  constant.payload = std::move(payload);
}

FoldConstant& FoldGraph::replace_by_constant(std::uint32_t node, tensor::DType dtype, tensor::Shape shape,
                                             base::Bytes payload) {
  FoldConstant constant;
  constant.name = constant.written = output(node);
  wires_[constant.name].constant = static_cast<std::uint32_t>(constants_.size());
  constants_.push_back(std::move(constant));
  set_values(constants_.back(), dtype, std::move(shape), std::move(payload));
  gone_nodes_[node] = true;
  return constants_.back();
}

void FoldGraph::restore_names() {
  for (FoldConstant& constant : constants_) {
    if (constant.tensor != kNone || !constant.payload || !wires_[constant.origin].gone) continue;
    const std::uint32_t user = consumer(constant.name);
    std::optional<onnx::NodeProto> changed = user == kNone ? std::nullopt : proto(user);
    if (!changed) continue;
    for (std::string& input : *changed->mutable_input())
      if (input == onnx_.names[constant.name]) input = onnx_.names[constant.origin];
    constant.written = constant.origin;
    set_proto(user, *changed);
  }
}

void FoldGraph::release(NameId name) {
  Wire& wire = wires_[name];
  if (name == 0 || wire.uses == 0) return;
  if (--wire.uses > 0 || wire.elsewhere || (wire.tensor == kNone && wire.constant == kNone)) return;
  const std::uint32_t weight = wire.tensor == kNone ? kNone : state_.of_tensor[wire.tensor];
  if (weight != kNone && options_.keep && options_.keep(state_.weights[weight])) return;
  wire.gone = true;
  if (wire.producer != kNone) gone_nodes_[wire.producer] = true;
  if (wire.constant == kNone) return;
  FoldConstant& constant = constants_[wire.constant];
  if (constant.payload) new_bytes_ -= constant.payload->size();
  constant.payload.reset();
}

void FoldGraph::remove_node(std::uint32_t node) {
  gone_nodes_[node] = true;
  protos_.erase(node);
}

void FoldGraph::bypass(std::uint32_t node) {
  wires_[output(node)].gone = true;
  remove_node(node);
}

void FoldGraph::set_output(std::uint32_t node, NameId name) {
  onnx::NodeProto changed = *proto(node);
  wires_[output(node)].gone = true;
  changed.set_output(0, onnx_.names[name]);
  wires_[name].producer = node;
  set_proto(node, changed);
}

void FoldGraph::set_input(std::uint32_t node, std::uint32_t index, NameId name, std::uint32_t before) {
  onnx::NodeProto changed = *proto(node);
  while (changed.input_size() <= static_cast<int>(index)) changed.add_input();
  changed.set_input(static_cast<int>(index), onnx_.names[name]);
  if (wires_[name].consumer == before) wires_[name].consumer = node;
  set_proto(node, changed);
}

}  // namespace tt::model
