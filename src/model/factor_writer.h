// A model with factored layers as a skeleton: the file's own bytes but for the nodes and weights that
// changed.
#pragma once

#include <string>
#include <vector>

#include "model/factor_nodes.h"
#include "model/fold_graph.h"
#include "model/payload_edits.h"

namespace tt::model {

// A weight of the main graph and the only node that uses it, or the first of several that stay as they are.
struct FactorPlan {
  std::uint32_t tensor = kNone;  // of Onnx
  NameId value = 0;              // the weight's name in the graph
  std::uint32_t node = kNone;    // that uses it
  FactorNodes nodes;
  Factor left, right;
  std::uint32_t index = 0;  // of `left` among all factors
};

class FactorWriter {
 public:
  FactorWriter(const Model::State& state, const FoldGraph& graph, const std::vector<FactorPlan>& plans,
               std::string location)
      : state_(state), graph_(graph), plans_(plans), location_(std::move(location)) {}
  // Operators of this domain, version 1, are among the new nodes.
  void use_domain(const std::string& domain) { domain_ = domain; }
  // Errors: unsupported if the model file would be above kMaxProtobufBytes.
  Skeleton write();
  const std::vector<std::string>& dropped_inputs() const { return dropped_inputs_; }

 private:
  void write_node(std::uint32_t node, const std::vector<const FactorPlan*>& plans,
                  const std::vector<Range>& defined);
  void write_factor(const Range& range, const Factor& factor, std::uint32_t index, std::int32_t weight_type);
  void write_tensors();
  void write_tensor(const TensorInfo& info, std::uint32_t weight);
  std::vector<Range> definitions() const;
  void remove_declarations();
  void import_domain();
  Edit& replace(const Range& range);
  Range node_range(std::uint32_t node) const;

  const Model::State& state_;
  const FoldGraph& graph_;
  const std::vector<FactorPlan>& plans_;
  std::string location_, domain_;
  std::vector<Edit> edits_;
  PayloadFile outside_;
  std::vector<std::string> dropped_inputs_;
};

}  // namespace tt::model
