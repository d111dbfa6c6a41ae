#include "model/quantise.h"

#include <onnx/onnx_pb.h>

#include <map>
#include <set>

#include "model/factor_writer.h"
#include "model/model_state.h"
#include "model/quantise_nodes.h"

namespace tt::model {
namespace {

class QuantisePlanner {
 public:
  QuantisePlanner(const Model& model, const std::vector<BlockShape>& shapes)
      : state_(model.state()),
        onnx_(state_.onnx),
        shapes_(shapes),
        uses_(quantised_uses(model)),
        graph_(model, options_),
        values_(constant_names(onnx_)) {
    find_users();
  }

  void run() {
    for (std::uint32_t t = 0; t < state_.of_tensor.size(); ++t) {
      const std::uint32_t weight = state_.of_tensor[t];
      if (weight == kNone || shapes_[weight].bits == 0) continue;
      QuantisedFate fate;
      fate.weight = weight;
      fate.why = obstacle(weight);
      if (fate.why.empty()) plan(weight, t, fate);
      fate.quantised = fate.why.empty();
      if (seen_.insert(weight).second) fates_.push_back(std::move(fate));
    }
  }

  const FoldGraph& graph() const { return graph_; }
  const std::vector<FactorPlan>& plans() const { return plans_; }
  bool uses_contrib() const { return uses_contrib_; }
  std::vector<QuantisedLayer> take_layers() { return std::move(layers_); }
  std::vector<QuantisedFate> take_fates() { return std::move(fates_); }

 private:
  // Operators multiply with codes whose groups run along their inputs; ONNX Runtime has no quick product by 8
  // bits that sums in float32, and a table's row is whole bytes.
  static QuantisedOp op_of(const QuantisedUse& use, const BlockShape& stored, std::uint64_t cols) {
    const bool fits = stored.axis == use.axis && (use.op != QuantisedOp::product || stored.bits == 4) &&
                      (use.op != QuantisedOp::table || stored.bits == 8 || cols % 2 == 0);
    return fits ? use.op : QuantisedOp::expanded;
  }

  static std::uint64_t text_bytes(const FactorNodes& nodes) {
    std::uint64_t bytes = nodes.first.size() + nodes.second.size();
    for (const base::Bytes& node : nodes.before) bytes += node.size();
    return bytes;
  }

  // By name: the first node of the main graph that uses it.
  void find_users() {
    first_user_.assign(onnx_.names.size(), kNone);
    for (const std::uint32_t node : graph_.nodes())
      for (std::uint32_t i = 0; i < graph_.input_count(node); ++i)
        if (std::uint32_t& user = first_user_[graph_.input(node, i)]; user == kNone) user = node;
  }

  // Why the weight stays dense; empty if it does not.
  std::string obstacle(std::size_t weight) const {
    const QuantisedUse& use = uses_[weight];
    const BlockShape& stored = shapes_[weight];
    if (use.op == QuantisedOp::none) return use.why_not;
    const tensor::WeightLayout& layout = state_.weights[weight].layout;
    if (op_of(use, stored, layout.cols) == QuantisedOp::expanded && stored.bits == 4 &&
        layout.elements() % 2 != 0)
      return "it has an odd number of codes of 4 bits";
    return {};
  }

  void plan(std::size_t weight, std::uint32_t tensor, QuantisedFate& fate) {
    FactorPlan plan;
    plan.tensor = tensor;
    plan.value = values_[tensor];
    plan.node = first_user_[plan.value];
    const std::optional<onnx::NodeProto> proto = graph_.proto(plan.node);
    const onnx::NodeProto node = proto ? *proto : onnx::NodeProto();
    const tensor::WeightLayout& layout = state_.weights[weight].layout;
    QuantisedLayer layer;
    layer.weight = weight;
    layer.stored = shapes_[weight];
    layer.op = op_of(uses_[weight], layer.stored, layout.cols);
    layer.rows = layout.rows, layer.cols = layout.cols;
    const std::string& name = onnx_.names[plan.value];
    const FactorNames names{fresh(name + "_codes"), fresh(name + "_scales"), fresh(name + "_product"),
                            node.name().empty() ? "" : fresh(node.name() + "_quantised")};
    plan.nodes = quantised_nodes({node, name, layout.shape, onnx_.tensors[tensor].data_type,
                                  [this](const std::string& wanted) { return fresh(wanted); }},
                                 names, layer);
    if (layer.codes.bytes + layer.scales.bytes + text_bytes(plan.nodes) >= layout.payload_size()) {
      fate.why = "it would not become smaller";
      return;
    }
    plan.left = layer.codes;
    plan.right = layer.scales;
    plan.index = static_cast<std::uint32_t>(2 * plans_.size());
    uses_contrib_ |= layer.op != QuantisedOp::expanded;
    fate.op = op_name(layer.op);
    fate.bytes_dense = layout.payload_size();
    fate.bytes_quantised = layer.codes.bytes + layer.scales.bytes;
    plans_.push_back(std::move(plan));
    layers_.push_back(std::move(layer));
  }

  std::string fresh(const std::string& wanted) {
    std::string name = wanted;
    for (std::uint64_t& i = next_[wanted]; onnx_.names.find(name) != 0 || !new_names_.insert(name).second;)
      name = wanted + "_" + std::to_string(++i);
    return name;
  }

  const Model::State& state_;
  const Onnx& onnx_;
  const std::vector<BlockShape>& shapes_;
  const FoldOptions options_;
  std::vector<QuantisedUse> uses_;
  FoldGraph graph_;
  std::vector<NameId> values_;             // by tensor
  std::vector<std::uint32_t> first_user_;  // by name
  std::set<std::string> new_names_;
  std::map<std::string, std::uint64_t> next_;  // number of a name that is taken
  std::set<std::size_t> seen_;
  std::vector<FactorPlan> plans_;
  std::vector<QuantisedLayer> layers_;
  std::vector<QuantisedFate> fates_;
  bool uses_contrib_ = false;
};

}  // namespace

QuantisedModel quantised(const Model& model, const std::vector<BlockShape>& shapes,
                         const std::string& location) {
  QuantisedModel result;
  if (model.format() != FileFormat::onnx) {
    result.skeleton = model.exact_skeleton();
    return result;
  }
  QuantisePlanner planner(model, shapes);
  planner.run();
  FactorWriter writer(model.state(), planner.graph(), planner.plans(), location);
  if (planner.uses_contrib()) writer.use_domain(kContribDomain);
  result.skeleton = writer.write();
  result.dropped_inputs = writer.dropped_inputs();
  result.layers = planner.take_layers();
  result.fates = planner.take_fates();
  return result;
}

}  // namespace tt::model
