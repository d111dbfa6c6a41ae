#include "model/factor.h"

#include <onnx/onnx_pb.h>

#include <set>

#include "base/checked.h"
#include "base/text.h"
#include "model/factor_price.h"
#include "model/factor_writer.h"
#include "model/fold_graph.h"
#include "model/model_state.h"

namespace tt::model {

namespace {

class Planner {
 public:
  Planner(const Model& model, const std::vector<FactorShape>& shapes)
      : state_(model.state()),
        onnx_(state_.onnx),
        shapes_(shapes),
        graph_(model, options_),
        tensors_(state_.weights.size(), kNone),
        tensor_count_(state_.weights.size(), 0),
        values_(onnx_.tensors.size(), 0),
        node_taken_(onnx_.nodes.size(), false) {
    for (std::uint32_t i = 0; i < state_.of_tensor.size(); ++i) {
      const std::uint32_t weight = state_.of_tensor[i];
      if (weight == kNone) continue;
      tensors_[weight] = i;
      ++tensor_count_[weight];
    }
    for (const std::uint32_t tensor : onnx_.graphs[0].initializers)
      values_[tensor] = onnx_.tensors[tensor].name;
    for (const std::uint32_t node : onnx_.graphs[0].nodes)
      if (onnx_.nodes[node].tensor != kNone)
        values_[onnx_.nodes[node].tensor] = onnx_.value(onnx_.nodes[node].outputs, 0);
  }

  void run() {
    for (std::size_t i = 0; i < shapes_.size(); ++i) {
      if (shapes_[i].rank == 0) continue;
      fates_.push_back({});
      fates_.back().weight = i;
      fates_.back().rank = shapes_[i].rank;
      fates_.back().why = plan(i, fates_.back());
      fates_.back().factored = fates_.back().why.empty();
    }
  }

  const FoldGraph& graph() const { return graph_; }
  const std::vector<FactorPlan>& plans() const { return plans_; }
  std::vector<FactorFate> take_fates() { return std::move(fates_); }

 private:
  // Why the weight stays dense; empty if it does not.
  std::string plan(std::size_t weight, FactorFate& fate) {
    if (!graph_.is_foldable())
      return "the model has training information, quantization annotations or operators before opset 7";
    if (tensor_count_[weight] != 1) return "several tensors share its values";
    FactorPlan plan;
    plan.tensor = tensors_[weight];
    if (onnx_.tensors[plan.tensor].graph != 0) return "it lies inside a subgraph or function";
    plan.value = values_[plan.tensor];
    if (std::string why = find_node(plan, fate); !why.empty()) return why;
    if (std::string why = split(weight, plan, fate); !why.empty()) return why;
    node_taken_[plan.node] = true;
    plan.index = static_cast<std::uint32_t>(2 * plans_.size());
    plans_.push_back(std::move(plan));
    return {};
  }

  std::string find_node(FactorPlan& plan, FactorFate& fate) const {
    const std::uint32_t uses = graph_.uses(plan.value);
    if (uses == UINT32_MAX) return "a subgraph or an output of the model uses it, too";
    if (uses != 1) return uses == 0 ? "no node uses it" : std::to_string(uses) + " nodes use it";
    plan.node = graph_.consumer(plan.value);
    fate.node = onnx_.label(onnx_.nodes[plan.node]);
    fate.op = onnx_.op(onnx_.nodes[plan.node]);
    return node_taken_[plan.node] ? "its node is factored along its other weight" : "";
  }

  std::string split(std::size_t weight, FactorPlan& plan, FactorFate& fate) {
    const std::optional<onnx::NodeProto> proto = graph_.proto(plan.node);
    if (!proto) return "its node is malformed or very large";
    const tensor::WeightLayout& layout = state_.weights[weight].layout;
    FactorSite site{*proto, graph_.op(plan.node), 0, layout.shape, layout.dtype, graph_.opset()};
    while (site.input < proto->input_size() && proto->input(site.input) != onnx_.names[plan.value])
      ++site.input;
    const FactorShape& shape = shapes_[weight];
    FactorNames names = names_for(plan, *proto);
    plan.nodes = factor_nodes(site, shape.rank, names);
    if (!plan.nodes.why.empty()) return plan.nodes.why;
    if (shape.rows != layout.shape[0] ||
        base::checked_mul(shape.rows, shape.cols, "size of a weight") != tensor::element_count(layout.shape))
      return "it is stored as a matrix of " + std::to_string(shape.rows) + "x" + std::to_string(shape.cols);
    if (std::string why = price_factors(shape, fate.op); !why.empty()) return why;
    count(shape, layout, fate);
    set_factors(weight, names, plan);
    return {};
  }

  static void count(const FactorShape& shape, const tensor::WeightLayout& layout, FactorFate& fate) {
    const std::uint64_t dense = shape.rows * shape.cols, factored = shape.rank * (shape.rows + shape.cols);
    const bool table = fate.op == "Gather";
    fate.macs_dense = table ? 0 : dense;
    fate.macs_factored = table ? shape.rank * shape.cols : factored;
    fate.bytes_dense = dense * tensor::element_size(layout.dtype);
    fate.bytes_factored = factored * tensor::element_size(layout.dtype);
  }

  // Names that the file does not have yet.
  FactorNames names_for(const FactorPlan& plan, const onnx::NodeProto& node) {
    const std::string& weight = onnx_.names[plan.value];
    const std::string output = node.output_size() > 0 ? node.output(0) : weight;
    return {fresh(weight + "_left"), fresh(weight + "_right"), fresh(output + "_factor"),
            node.name().empty() ? "" : fresh(node.name() + "_factor")};
  }
  std::string fresh(const std::string& wanted) {
    std::string name = wanted;
    for (std::uint64_t i = 2; onnx_.names.find(name) != 0 || !new_names_.insert(name).second; ++i)
      name = wanted + "_" + std::to_string(i);
    return name;
  }

  void set_factors(std::size_t weight, const FactorNames& names, FactorPlan& plan) const {
    const FactorNodes& nodes = plan.nodes;
    const std::size_t size = tensor::element_size(state_.weights[weight].layout.dtype);
    plan.left = {weight,
                 true,
                 nodes.left_transposed,
                 names.left,
                 nodes.left_shape,
                 tensor::element_count(nodes.left_shape) * size};
    plan.right = {weight,
                  false,
                  nodes.right_transposed,
                  names.right,
                  nodes.right_shape,
                  tensor::element_count(nodes.right_shape) * size};
  }

  const Model::State& state_;
  const Onnx& onnx_;
  const std::vector<FactorShape>& shapes_;
  const FoldOptions options_;
  FoldGraph graph_;
  std::vector<std::uint32_t> tensors_, tensor_count_;  // by weight
  std::vector<NameId> values_;                         // by tensor: its name in the main graph
  std::vector<bool> node_taken_;
  std::set<std::string> new_names_;
  std::vector<FactorPlan> plans_;
  std::vector<FactorFate> fates_;
};

}  // namespace

FactoredModel factored(const Model& model, const std::vector<FactorShape>& shapes,
                       const std::string& location) {
  FactoredModel result;
  if (model.format() != FileFormat::onnx) {
    result.skeleton = model.exact_skeleton();
    return result;
  }
  Planner planner(model, shapes);
  planner.run();
  FactorWriter writer(model.state(), planner.graph(), planner.plans(), location);
  result.skeleton = writer.write();
  for (const FactorPlan& plan : planner.plans()) {
    result.factors.push_back(plan.left);
    result.factors.push_back(plan.right);
  }
  result.fates = planner.take_fates();
  result.dropped_inputs = writer.dropped_inputs();
  return result;
}

}  // namespace tt::model
