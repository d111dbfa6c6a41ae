#include "model/fold_graph.h"

#include <onnx/onnx_pb.h>

#include <algorithm>

#include "base/error.h"
#include "model/fold_values.h"
#include "model/tensor_walk.h"

namespace tt::model {

namespace {

constexpr std::uint64_t kFirstOpset = 7;  // inference form of BatchNormalization, broadcasting by shape alone

bool is_default_domain(const std::string& domain) {
  return domain.empty() || domain == "ai.onnx";
}

// Fields that the first walk skipped may be malformed: such a model passes through as it is.
FoldPlaces places_of(const Model::State& state) {
  try {
    return fold_places(state.files[0].file, state.onnx);
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::bad_data && error.kind() != base::ErrorKind::resource_limit) throw;
  }
  return {};  // opset 0: nothing is foldable
}

std::vector<bool> find_shared(const Model::State& state) {
  std::vector<bool> seen(state.weights.size(), false), shared(state.weights.size(), false);
  for (const std::uint32_t weight : state.of_tensor) {
    if (weight == kNone) continue;
    if (seen[weight]) shared[weight] = true;
    seen[weight] = true;
  }
  return shared;
}

}  // namespace

FoldGraph::FoldGraph(const Model& model, const FoldOptions& options)
    : state_(model.state()),
      onnx_(state_.onnx),
      options_(options),
      places_(places_of(state_)),
      wires_(onnx_.names.size()),
      gone_nodes_(onnx_.nodes.size(), false),
      shared_weights_(find_shared(state_)) {
  connect();
}

bool FoldGraph::is_foldable() const {
  return !places_.annotated && places_.opset >= kFirstOpset && places_.nodes.size() == nodes().size() &&
         places_.initializers.size() == onnx_.graphs[0].initializers.size();
}

void FoldGraph::connect() {
  const Graph& main = onnx_.graphs[0];
  for (std::uint32_t i = 0; i < main.initializers.size(); ++i) {
    Wire& wire = wires_[onnx_.tensors[main.initializers[i]].name];
    wire.tensor = main.initializers[i];
    wire.initializer = i;
  }
  for (const FieldPlace& input : places_.inputs) wires_[input.name].is_input = true;
  for (const auto* places : {&places_.inputs, &places_.values})
    for (const FieldPlace& place : *places) wires_[place.name].rank = place.rank.value_or(kNone);
  for (std::uint32_t n = 0; n < onnx_.nodes.size(); ++n) connect_node(n);
  for (const Graph& graph : onnx_.graphs)
    for (const NameId name : graph.outputs) wires_[name].elsewhere = true;
}

void FoldGraph::connect_node(std::uint32_t n) {
  const Node& node = onnx_.nodes[n];
  for (std::uint32_t i = 0; i < node.inputs.count; ++i) use(n, onnx_.value(node.inputs, i));
  for (std::uint32_t i = 0; i < node.outputs.count; ++i) {
    Wire& wire = wires_[onnx_.value(node.outputs, i)];
    // Names that are defined twice are none of ours: the model is invalid, or a subgraph hides the value.
    if (node.graph != 0 || wire.producer != kNone || wire.tensor != kNone || wire.is_input)
      wire.elsewhere = true;
    wire.producer = n;
    if (node.graph == 0 && i == 0) wire.tensor = node.tensor;
  }
}

void FoldGraph::use(std::uint32_t n, NameId name) {
  Wire& wire = wires_[name];
  if (onnx_.nodes[n].graph != 0) wire.elsewhere = true;
  ++wire.uses;
  wire.consumer = n;
}

std::string_view FoldGraph::op(std::uint32_t node) const {
  const auto found = protos_.find(node);
  if (found != protos_.end()) return found->second->op_type();
  return is_default_domain(onnx_.names[onnx_.nodes[node].domain]) ? onnx_.op(onnx_.nodes[node])
                                                                  : std::string_view();
}

NameId FoldGraph::input(std::uint32_t node, std::uint32_t index) const {
  const auto found = protos_.find(node);
  if (found == protos_.end()) return onnx_.value(onnx_.nodes[node].inputs, index);
  const int i = static_cast<int>(index);
  return i < found->second->input_size() ? onnx_.names.find(found->second->input(i)) : 0;
}

std::uint32_t FoldGraph::input_count(std::uint32_t node) const {
  const auto found = protos_.find(node);
  return found == protos_.end() ? onnx_.nodes[node].inputs.count
                                : static_cast<std::uint32_t>(found->second->input_size());
}

NameId FoldGraph::output(std::uint32_t node) const {
  const auto found = protos_.find(node);
  if (found != protos_.end()) return onnx_.names.find(found->second->output(0));
  const List& outputs = onnx_.nodes[node].outputs;
  for (std::uint32_t i = 1; i < outputs.count; ++i)
    if (onnx_.value(outputs, i) != 0) return 0;
  return onnx_.value(outputs, 0);
}

std::size_t FoldGraph::position(std::uint32_t node) const {
  return static_cast<std::size_t>(std::lower_bound(nodes().begin(), nodes().end(), node) - nodes().begin());
}

std::optional<onnx::NodeProto> FoldGraph::proto(std::uint32_t node) const {
  const auto found = protos_.find(node);
  if (found != protos_.end()) return *found->second;
  const FieldPlace& place = places_.nodes[position(node)];
  const std::uint64_t size = place.whole.end - place.body;
  if (size > kMaxFoldNode) return std::nullopt;
  const base::Bytes bytes = state_.files[0].file.read_bytes(place.body, size);
  onnx::NodeProto proto;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  return proto;
}

void FoldGraph::set_proto(std::uint32_t node, const onnx::NodeProto& proto) {
  protos_.insert_or_assign(node, std::make_shared<const onnx::NodeProto>(proto));
}

std::uint32_t FoldGraph::uses(NameId name) const {
  return name == 0 || wires_[name].elsewhere ? UINT32_MAX : wires_[name].uses;
}

std::uint32_t FoldGraph::consumer(NameId name) const {
  return uses(name) == 1 ? wires_[name].consumer : kNone;
}

std::optional<std::uint32_t> FoldGraph::rank(NameId name) const {
  if (wires_[name].rank == kNone) return std::nullopt;
  return wires_[name].rank;
}

FoldConstant* FoldGraph::constant(NameId name) {
  Wire& wire = wires_[name];
  if (name == 0 || wire.gone) return nullptr;
  return wire.constant == kNone ? add_constant(name) : &constants_[wire.constant];
}

FoldConstant* FoldGraph::add_constant(NameId name) {
  Wire& wire = wires_[name];
  if (wire.tensor == kNone || (wire.initializer != kNone && wire.producer != kNone)) return nullptr;
  const TensorInfo& info = onnx_.tensors[wire.tensor];
  const std::optional<tensor::DType> dtype = weight_dtype(info.data_type);
  if (!dtype || !info.whole || element_count(onnx_, info) == 0) return nullptr;
  FoldConstant constant;
  constant.name = constant.written = constant.origin = name;
  constant.tensor = wire.tensor;
  constant.dtype = *dtype;
  constant.shape = info.dims;
  if (const std::uint32_t weight = state_.of_tensor[wire.tensor]; weight != kNone) {
    constant.locked = shared_weights_[weight] || (options_.keep && options_.keep(state_.weights[weight]));
    constant.made.original = state_.weights[weight].name;
  }
  wire.constant = static_cast<std::uint32_t>(constants_.size());
  constants_.push_back(std::move(constant));
  return &constants_.back();
}

bool FoldGraph::is_exclusive(NameId name, std::uint32_t times) {
  const FoldConstant* known = constant(name);
  return known != nullptr && !known->locked && uses(name) == times;
}

std::optional<std::vector<std::int64_t>> FoldGraph::integers(NameId name) const {
  const Wire& wire = wires_[name];
  if (name == 0 || wire.tensor == kNone || (wire.initializer != kNone && wire.producer != kNone))
    return std::nullopt;
  const TensorInfo& info = onnx_.tensors[wire.tensor];
  const Range& body = onnx_.messages[info.message].body;
  if (info.data_type != onnx::TensorProto::INT64 || info.external != kNone || body.size() > kMaxFoldIntegers)
    return std::nullopt;
  const base::Bytes bytes = state_.files[0].file.read_bytes(body.begin, body.size());
  onnx::TensorProto proto;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  std::vector<std::int64_t> values(proto.int64_data().begin(), proto.int64_data().end());
  const base::ByteView raw = base::view_of(proto.raw_data());
  for (std::size_t at = 0; at + 8 <= raw.size(); at += 8)
    values.push_back(base::load_le<std::int64_t>(raw.data() + at));
  return values;
}

std::vector<NameId> constant_names(const Onnx& onnx) {
  std::vector<NameId> names(onnx.tensors.size(), 0);
  for (const std::uint32_t tensor : onnx.graphs[0].initializers) names[tensor] = onnx.tensors[tensor].name;
  for (const std::uint32_t node : onnx.graphs[0].nodes)
    if (onnx.nodes[node].tensor != kNone)
      names[onnx.nodes[node].tensor] = onnx.value(onnx.nodes[node].outputs, 0);
  return names;
}

}  // namespace tt::model
