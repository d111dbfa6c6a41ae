#include "model/input_uses.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "model/layers.h"
#include "model/model_state.h"

namespace tt::model {
namespace {

constexpr int kMaxSteps = 64;  // also ends the walk around a cycle

bool prepares_picture(std::string_view op) {
  constexpr std::array<std::string_view, 14> kOps = {"Add",          "BatchNormalization",
                                                     "Clip",         "Concat",
                                                     "Div",          "ImageScaler",
                                                     "Max",          "Min",
                                                     "Mul",          "Pad",
                                                     "Resize",       "Slice",
                                                     "SpaceToDepth", "Sub"};
  return is_view_op(op) || std::find(kOps.begin(), kOps.end(), op) != kOps.end();
}

class InputFinder {
 public:
  explicit InputFinder(const Model::State& model)
      : model_(model), onnx_(model.onnx), values_(onnx_), layers_(values_) {}

  std::vector<InputUse> run() {
    for (const LayerUse& use : layers_.uses()) {
      const Node& node = onnx_.nodes[use.node];
      if (node.graph != 0 || model_.of_tensor[use.tensor] == kNone) continue;
      if (onnx_.op(node) == "Gather" && use.role == Role::embedding && use.input == 0) add_table(use, node);
      if (onnx_.op(node) == "Conv" && use.input == 1) add_kernel(use, node);
    }
    return std::move(uses_);
  }

 private:
  // The input of the graph behind input `index` of `node`, or 0.
  template <typename Passes>
  NameId input_behind(const Node& node, std::uint32_t index, const Passes& passes) const {
    NameId name = onnx_.value(node.inputs, index);
    std::uint32_t value = values_.input(node, index);
    for (int step = 0; step < kMaxSteps && values_.producer(value) != kNone; ++step) {
      const Node& before = onnx_.nodes[values_.producer(value)];
      if (before.tensor != kNone || !passes(onnx_.op(before))) return 0;
      std::uint32_t data = 0;
      while (data < before.inputs.count && is_constant(values_.input(before, data))) ++data;
      name = onnx_.value(before.inputs, data);
      value = values_.input(before, data);
    }
    const std::vector<NameId>& inputs = onnx_.graphs[0].inputs;
    const bool found = value != kNone && values_.producer(value) == kNone && values_[value].tensor == kNone &&
                       std::find(inputs.begin(), inputs.end(), name) != inputs.end();
    return found ? name : 0;
  }

  bool is_constant(std::uint32_t value) const { return value == kNone || values_[value].tensor != kNone; }

  InputUse& use_of(NameId name) {
    const std::string& input = onnx_.names[name];
    for (InputUse& use : uses_)
      if (use.input == input) return use;
    uses_.push_back({input, {}, {}, {}});
    return uses_.back();
  }

  void add_table(const LayerUse& use, const Node& node) {
    const NameId name = input_behind(node, 1, is_view_op);
    if (name == 0) return;
    if (InputUse& found = use_of(name); !found.table) found.table = model_.of_tensor[use.tensor];
  }

  void add_kernel(const LayerUse& use, const Node& node) {
    const NameId name = input_behind(node, 0, prepares_picture);
    if (name == 0) return;
    InputUse& found = use_of(name);
    if (found.kernel) return;
    found.kernel = model_.of_tensor[use.tensor];
    const std::uint32_t bias = values_.input(node, 2);
    const std::uint32_t tensor = bias == kNone ? kNone : values_.constant(bias);
    if (tensor != kNone && model_.of_tensor[tensor] != kNone) found.bias = model_.of_tensor[tensor];
  }

  const Model::State& model_;
  const Onnx& onnx_;
  Values values_;
  Layers layers_;
  std::vector<InputUse> uses_;
};

}  // namespace

std::vector<InputUse> input_uses(const Model& model) {
  if (model.format() == FileFormat::safetensors) return {};
  return InputFinder(model.state()).run();
}

}  // namespace tt::model
