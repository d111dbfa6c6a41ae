#include "model/quantise.h"

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
        values_(constant_names(onnx_)) {}

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
  // Why the weight stays dense; empty if it does not.
  std::string obstacle(std::size_t weight) const {
    const QuantisedUse& use = uses_[weight];
    const BlockShape& stored = shapes_[weight];
    if (use.op == QuantisedOp::none) return use.why_not;
    if (stored.axis != use.axis)
      return "its groups run along axis " + std::to_string(stored.axis) + ", not along its inputs";
    if (use.whole_rows && stored.group != 0) return "a kernel has one scale a channel, it has groups";
    if (stored.bits < use.least_bits)
      return use.op == QuantisedOp::table ? "its rows have an odd number of codes"
                                          : "codes of 4 bits need opset 21";
    return {};
  }

  void plan(std::size_t weight, std::uint32_t tensor, QuantisedFate& fate) {
    FactorPlan plan;
    plan.tensor = tensor;
    plan.value = values_[tensor];
    plan.node = graph_.consumer(plan.value);
    const onnx::NodeProto node = graph_.proto(plan.node).value();
    const tensor::WeightLayout& layout = state_.weights[weight].layout;
    QuantisedLayer layer;
    layer.weight = weight;
    layer.op = uses_[weight].op;
    layer.stored = shapes_[weight];
    layer.rows = layout.rows, layer.cols = layout.cols;
    const std::string& name = onnx_.names[plan.value];
    const FactorNames names{fresh(name + "_codes"), fresh(name + "_scales"),
                            fresh(node.output(0) + "_product"),
                            node.name().empty() ? "" : fresh(node.name() + "_quantised")};
    plan.nodes = quantised_nodes(node, name, layout.shape, names, layer);
    plan.left = layer.codes;
    plan.right = layer.scales;
    plan.index = static_cast<std::uint32_t>(2 * plans_.size());
    uses_contrib_ |= plan.nodes.first.domain() == kContribDomain;
    fate.op = plan.nodes.first.op_type();
    fate.bytes_dense = layout.payload_size();
    fate.bytes_quantised = layer.codes.bytes + layer.scales.bytes;
    plans_.push_back(std::move(plan));
    layers_.push_back(std::move(layer));
  }

  std::string fresh(const std::string& wanted) {
    std::string name = wanted;
    for (std::uint64_t i = 2; onnx_.names.find(name) != 0 || !new_names_.insert(name).second; ++i)
      name = wanted + "_" + std::to_string(i);
    return name;
  }

  const Model::State& state_;
  const Onnx& onnx_;
  const std::vector<BlockShape>& shapes_;
  const FoldOptions options_;
  std::vector<QuantisedUse> uses_;
  FoldGraph graph_;
  std::vector<NameId> values_;  // by tensor
  std::set<std::string> new_names_;
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
  result.layers = planner.take_layers();
  result.fates = planner.take_fates();
  return result;
}

}  // namespace tt::model
