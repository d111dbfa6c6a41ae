#include "model/fold_batchnorm.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>

#include "model/fold_layer.h"
#include "model/fold_values.h"

namespace tt::model {

namespace {

using tensor::DType;
using Vector = std::vector<double>;

constexpr std::uint64_t kFirstModeAttribute = 14;  // opset with training_mode
constexpr std::uint64_t kOptionalGemmBias = 11;
constexpr double kDefaultEpsilon = 1e-5F;  // a float attribute

// New values of one constant, computed before anything is changed.
struct Change {
  FoldConstant* constant = nullptr;
  DType dtype = DType::f32;
  tensor::Shape shape;
  base::Bytes payload;
};

bool all_finite(const Vector& values) {
  return std::all_of(values.begin(), values.end(), [](double x) { return std::isfinite(x); });
}

void multiply_into(Vector& product, const Vector& factors) {
  if (product.empty()) product.assign(factors.size(), 1);
  for (std::size_t i = 0; i < factors.size(); ++i) product[i] *= factors[i];
}

class Fold {
 public:
  Fold(FoldGraph& graph, std::uint32_t node) : graph_(graph), node_(node) {}

  // Null if the node is folded, else why not.
  const char* run() {
    if (const char* obstacle = read()) return obstacle;
    const char* behind = fold_behind();
    if (behind == nullptr) return nullptr;
    changes_.clear();
    spare_ = nullptr;
    const char* before = fold_before();
    return before == nullptr ? nullptr : behind;
  }

 private:
  const char* read() {
    const std::optional<onnx::NodeProto> proto = graph_.proto(node_);
    if (!proto || graph_.input_count(node_) != 5) return "unknown form";
    double epsilon = kDefaultEpsilon;
    for (const onnx::AttributeProto& attribute : proto->attribute()) {
      if (attribute.name() == "epsilon")
        epsilon = static_cast<double>(attribute.f());
      else if (attribute.name() == "training_mode" && attribute.i() != 0)
        return "training mode";
      else if (attribute.name() == "spatial" && attribute.i() != 1)
        return "unknown form";
      else if (attribute.name() != "momentum" && attribute.name() != "training_mode" &&
               attribute.name() != "spatial")
        return "unknown form";
    }
    if (graph_.output(node_) == 0)
      return graph_.opset() < kFirstModeAttribute ? "unknown form" : "training mode";
    return read_parameters(epsilon);
  }

  const char* read_parameters(double epsilon) {
    for (std::uint32_t i = 0; i < 4; ++i) {
      parameters_[i] = graph_.constant(graph_.input(node_, i + 1));
      if (parameters_[i] == nullptr) return "its parameters are no constants";
      if (parameters_[i]->locked) return "its parameters are shared or kept";
      if (parameters_[i]->shape.size() != 1 || parameters_[i]->shape != parameters_[0]->shape)
        return "unknown form";
    }
    const Vector scale = graph_.doubles(*parameters_[0]), bias = graph_.doubles(*parameters_[1]);
    const Vector mean = graph_.doubles(*parameters_[2]), variance = graph_.doubles(*parameters_[3]);
    for (std::size_t i = 0; i < scale.size(); ++i) {
      scale_.push_back(scale[i] / std::sqrt(variance[i] + epsilon));
      shift_.push_back(bias[i] - mean[i] * scale_[i]);
    }
    return all_finite(scale_) && all_finite(shift_) ? nullptr : "its values are not finite";
  }

  std::uint64_t channels() const { return scale_.size(); }

  // x = W u + b, then s x + t.
  const char* fold_behind() {
    const NameId x = graph_.input(node_, 0);
    const std::uint32_t producer = graph_.producer(x);
    if (producer == kNone) return "no layer beside it";
    FoundLayer found = fold_layer_behind(graph_, producer);
    if (!found.layer) return found.obstacle;
    FoldLayer& layer = *found.layer;
    if (graph_.uses(x) != 1) return "the layer's output is used elsewhere";
    if (layer.outputs != channels()) return "unknown form";
    if (const char* obstacle = scale_weight(layer, scale_, true)) return obstacle;
    if (const char* obstacle = scale_biases(layer)) return obstacle;
    commit();
    multiply_into(layer.weight->made.output_scale, scale_);
    for (FoldConstant* bias : {layer.bias, layer.added})
      if (bias != nullptr) multiply_into(bias->made.output_scale, scale_);
    rewire_behind(layer);
    return nullptr;
  }

  // s b for every bias, and the shift in the last one; without any the shift becomes one.
  const char* scale_biases(const FoldLayer& layer) {
    FoldConstant* last = layer.added != nullptr ? layer.added : layer.bias;
    if (last == nullptr) {
      Vector values = shift_;
      for (double& value : values) value /= layer.beta;
      return add_bias(layer, values);
    }
    for (FoldConstant* bias : {layer.bias, layer.added}) {
      if (bias == nullptr) continue;
      Vector values = graph_.doubles(*bias);
      const double beta = bias == layer.bias ? layer.beta : 1;
      for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = values[i] * scale_[i] + (bias == last ? shift_[i] / beta : 0);
      if (const char* obstacle = change(*bias, bias->dtype, bias->shape, values)) return obstacle;
    }
    return nullptr;
  }

  void rewire_behind(const FoldLayer& layer) {
    const NameId x = graph_.input(node_, 0), y = graph_.output(node_);
    if (layer.kind == FoldLayer::Kind::matmul && layer.add == kNone) return become_add(x);
    release_parameters();
    const std::uint32_t last = layer.add != kNone ? layer.add : layer.node;
    graph_.remove_node(node_);
    graph_.set_output(last, y);
    if (spare_ != nullptr) graph_.set_input(layer.node, 2, spare_->name, node_);
  }

  // A product without a bias: the node stays as the Add of one.
  void become_add(NameId x) {
    onnx::NodeProto proto = *graph_.proto(node_);
    release_parameters();
    proto.set_op_type("Add");
    proto.clear_attribute();
    proto.clear_input();
    proto.add_input(graph_.onnx().names[x]);
    proto.add_input(graph_.onnx().names[spare_->name]);
    graph_.set_proto(node_, proto);
  }

  // y' = W (s x + t) + b.
  const char* fold_before() {
    const NameId y = graph_.output(node_);
    const std::uint32_t consumer = graph_.consumer(y);
    if (consumer == kNone || graph_.onnx().nodes[consumer].graph != 0) return "no layer beside it";
    FoundLayer found = fold_layer(graph_, consumer);
    if (!found.layer) return found.obstacle;
    FoldLayer& layer = *found.layer;
    const bool known = layer.kind == FoldLayer::Kind::conv || layer.kind == FoldLayer::Kind::gemm;
    if (!known || graph_.input(consumer, 0) != y || layer.inputs != channels()) return "unknown form";
    const bool shifts = std::any_of(shift_.begin(), shift_.end(), [](double t) { return t != 0; });
    if (shifts && layer.pads) return "the layer's padding is zero";
    if (std::find(scale_.begin(), scale_.end(), 0.0) != scale_.end()) return "a channel's scale is zero";
    if (shifts)
      if (const char* obstacle = shift_bias(layer)) return obstacle;
    if (const char* obstacle = scale_weight(layer, scale_, false)) return obstacle;
    commit();
    describe_inputs(layer.weight->made);
    const NameId x = graph_.input(node_, 0);
    graph_.set_input(consumer, 0, x, node_);
    if (spare_ != nullptr) graph_.set_input(consumer, 2, spare_->name, node_);
    release_parameters();
    graph_.bypass(node_);
    return nullptr;
  }

  // b + W t, in the order of the elements; Gemm scales its product by alpha and its bias by beta.
  const char* shift_bias(const FoldLayer& layer) {
    Vector sums(layer.outputs, 0);
    visit_doubles(layer.weight->dtype, graph_.read(*layer.weight), [&](std::uint64_t i, double value) {
      sums[layer.output_of(i)] += value * shift_[layer.input_of(i)];
    });
    for (double& sum : sums) sum *= layer.alpha / layer.beta;
    if (layer.bias == nullptr) return add_bias(layer, sums);
    const Vector bias = graph_.doubles(*layer.bias);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += bias[i];
    return change(*layer.bias, layer.bias->dtype, layer.bias->shape, sums);
  }

  // The original's input is s x + t of the folded model's.
  void describe_inputs(FoldedWeight& made) const {
    if (made.input_shift.empty()) made.input_shift.assign(channels(), 0);
    for (std::size_t i = 0; i < channels(); ++i)
      made.input_shift[i] += (made.input_scale.empty() ? 1 : made.input_scale[i]) * shift_[i];
    multiply_into(made.input_scale, scale_);
  }

  const char* scale_weight(const FoldLayer& layer, const Vector& factors, bool outputs) {
    const FoldConstant& weight = *layer.weight;
    if (!graph_.has_room(weight.bytes())) return "the new values are too large together";
    Change change{layer.weight, weight.dtype, weight.shape, graph_.read(weight)};
    const Rounding rounding =
        transform_doubles(weight.dtype, change.payload, [&](std::uint64_t i, double value) {
          return value * factors[outputs ? layer.output_of(i) : layer.input_of(i)];
        });
    changes_.push_back(std::move(change));
    return verdict(rounding);
  }

  static const char* verdict(const Rounding& rounding) {
    if (!rounding.finite) return "its values are not finite";
    return rounding.relative <= kMaxFoldRounding ? nullptr : "the weight's type is too coarse";
  }

  const char* change(FoldConstant& constant, DType dtype, const tensor::Shape& shape, const Vector& values) {
    Change change{&constant, dtype, shape, base::Bytes(values.size() * tensor::element_size(dtype))};
    const Rounding rounding =
        transform_doubles(dtype, change.payload, [&](std::uint64_t i, double) { return values[i]; });
    changes_.push_back(std::move(change));
    return verdict(rounding);
  }

  // A bias of a layer that had none takes the name and place of a parameter that is not needed any more.
  const char* add_bias(const FoldLayer& layer, const Vector& values) {
    if (layer.kind == FoldLayer::Kind::gemm && graph_.opset() < kOptionalGemmBias) return "unknown form";
    const DType dtype = layer.weight->dtype;
    for (const std::size_t i : {1, 2, 0, 3}) {
      FoldConstant& parameter = *parameters_[i];
      if (!graph_.is_exclusive(parameter.name) || !graph_.may_become(parameter, dtype, {layer.outputs}))
        continue;
      spare_ = &parameter;
      return change(parameter, dtype, {layer.outputs}, values);
    }
    return "its parameters are shared or kept";
  }

  void commit() {
    for (Change& change : changes_)
      graph_.set_values(*change.constant, change.dtype, change.shape, std::move(change.payload));
    if (spare_ != nullptr) spare_->made = {};
  }

  void release_parameters() {
    for (std::uint32_t i = 1; i < 5; ++i)
      if (const NameId name = graph_.input(node_, i); spare_ == nullptr || name != spare_->name)
        graph_.release(name);
  }

  FoldGraph& graph_;
  std::uint32_t node_;
  FoldConstant* parameters_[4] = {};  // scale, B, mean, var
  Vector scale_, shift_;
  std::vector<Change> changes_;
  FoldConstant* spare_ = nullptr;
};

}  // namespace

void fold_batch_normalizations(FoldGraph& graph, FoldReport& report) {
  for (const std::uint32_t node : graph.nodes()) {
    if (graph.is_gone(node) || graph.op(node) != "BatchNormalization") continue;
    if (const char* obstacle = Fold(graph, node).run())
      ++report.left[obstacle];
    else
      ++report.batch_normalizations;
  }
}

}  // namespace tt::model
