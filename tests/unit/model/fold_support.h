// Graphs with layers and BatchNormalization, and what folding makes of them.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "model/fold.h"
#include "support.h"

namespace tt::model::test {

using Dims = std::initializer_list<std::int64_t>;

class FoldGraphBuilder {
 public:
  FoldGraphBuilder() { graph().add_output()->set_name("y"); }

  onnx::GraphProto& graph() { return *proto.mutable_graph(); }
  std::string weight(const std::string& name, Dims dims, float first = 0.5F) {
    *graph().add_initializer() = raw_tensor(name, dims, first);
    return name;
  }
  onnx::NodeProto* node(const std::string& op, std::initializer_list<std::string> inputs,
                        std::initializer_list<std::string> outputs) {
    return add_node(graph(), op, inputs, outputs, "n." + *outputs.begin());
  }
  // scale, B, mean and var are 1.5, 2.5, ... 2, 3, ... 3, 4, ... and 4, 5, ...
  onnx::NodeProto* norm(const std::string& x, const std::string& y, std::int64_t channels,
                        const std::string& prefix = "bn");
  void constant(const std::string& name, Dims dims, float first = 0.5F);
  void integers(const std::string& name, std::vector<std::int64_t> values);

  // The folded model as it is written; `report` is filled. Fails the test if nothing was folded.
  onnx::ModelProto fold(const FoldOptions& options = {});
  // Fails the test if anything was folded; the reason for the only BatchNormalization, if it has one.
  std::string refusal(const FoldOptions& options = {});

  onnx::ModelProto proto = empty_model();
  FoldReport report;
};

void set_int(onnx::NodeProto* node, const std::string& name, std::int64_t value);
void set_ints(onnx::NodeProto* node, const std::string& name, const std::vector<std::int64_t>& values);
void set_float(onnx::NodeProto* node, const std::string& name, float value);

// Scale and shift of channel `i` of FoldGraphBuilder::norm.
inline double norm_scale(std::size_t i) {
  return (1.5 + static_cast<double>(i)) / std::sqrt(4.0 + static_cast<double>(i) + double{1e-5F});
}
inline double norm_shift(std::size_t i) {
  return 2.0 + static_cast<double>(i) - (3.0 + static_cast<double>(i)) * norm_scale(i);
}

const onnx::TensorProto* find_initializer(const onnx::ModelProto& proto, const std::string& name);
// Of an initializer or a Constant node; fails the test without one.
std::vector<float> values_of(const onnx::ModelProto& proto, const std::string& name);
std::vector<std::string> ops_of(const onnx::ModelProto& proto);

}  // namespace tt::model::test
