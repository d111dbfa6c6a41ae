// A folded graph as a model file.
#pragma once

#include <optional>
#include <vector>

#include "model/fold_graph.h"
#include "model/splice.h"

namespace tt::model {

class FoldWriter {
 public:
  explicit FoldWriter(const FoldGraph& graph) : graph_(graph) {}
  // Nothing above kMaxProtobufBytes.
  std::optional<base::Bytes> write();
  const std::vector<std::string>& dropped_inputs() const { return dropped_inputs_; }

 private:
  void write_initializers();
  void write_nodes();
  void write_declarations();
  void replace(const Range& range, base::Bytes text);
  base::Bytes initializer(const FoldConstant& constant) const;
  base::Bytes constant_node(const FoldConstant& constant, const Node& node) const;

  const FoldGraph& graph_;
  std::vector<Edit> edits_;
  std::vector<std::string> dropped_inputs_;
};

}  // namespace tt::model
