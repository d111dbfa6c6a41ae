#include "model/fold_constants.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <set>

#include "base/checked.h"
#include "model/fold_broadcast.h"
#include "model/fold_values.h"
#include "model/tensor_walk.h"

namespace tt::model {

namespace {

using tensor::DType;
using tensor::Shape;

constexpr std::size_t kMaxRank = 8;
constexpr std::uint64_t kMaxSecondOperand = 1 << 24;  // elements, held as doubles
constexpr std::uint64_t kMaxInputs = 64;              // of a Concat
constexpr std::uint64_t kAxesAsInput = 13;            // opset; Squeeze and Unsqueeze had an attribute before

struct Result {
  DType dtype = DType::f32;
  Shape shape;
  base::Bytes payload;
  std::uint64_t weight = 0;  // the input that it is made of
};

const onnx::AttributeProto* find_attribute(const onnx::NodeProto& proto, std::string_view name) {
  for (const onnx::AttributeProto& attribute : proto.attribute())
    if (attribute.name() == name) return &attribute;
  return nullptr;
}

std::vector<std::int64_t> integers_of(const onnx::AttributeProto* attribute) {
  if (attribute == nullptr) return {};
  return {attribute->ints().begin(), attribute->ints().end()};
}

// Negative ones count from the end. Nothing if one is out of range or stands twice.
std::optional<std::set<std::size_t>> axes_in(const std::vector<std::int64_t>& axes, std::size_t rank) {
  std::set<std::size_t> result;
  const auto limit = static_cast<std::int64_t>(rank);
  for (const std::int64_t axis : axes) {
    if (axis < -limit || axis >= limit) return std::nullopt;
    if (!result.insert(static_cast<std::size_t>(axis < 0 ? axis + limit : axis)).second) return std::nullopt;
  }
  return result;
}

bool is_shape_of(const Shape& shape, std::uint64_t elements) {
  std::uint64_t product = 1;
  for (const std::uint64_t dim : shape) {
    if (dim == 0 || dim > elements / product) return false;
    product *= dim;
  }
  return product == elements;
}

// One node with its operands.
class Evaluation {
 public:
  Evaluation(FoldGraph& graph, std::uint32_t node) : graph_(graph), node_(node), op_(graph.op(node)) {}

  std::optional<Result> run() {
    if (!find_operands()) return std::nullopt;
    const std::optional<onnx::NodeProto> proto = graph_.proto(node_);
    if (!proto) return std::nullopt;
    if (op_ == "Concat") return concat(*proto);
    if (op_ == "Transpose") return transpose(*proto);
    if (op_ == "Cast") return cast(*proto);
    if (is_arithmetic()) return arithmetic();
    const std::optional<Shape> shape = new_shape(*proto);
    if (!shape || !is_shape_of(*shape, operands_[0]->elements())) return std::nullopt;
    return Result{operands_[0]->dtype, *shape, graph_.read(*operands_[0])};
  }
  const FoldConstant& operand(std::uint64_t index) const { return *operands_[index]; }

  static bool is_known(std::string_view op) {
    static const std::set<std::string_view> known = {"Identity", "Cast",      "Reshape", "Transpose",
                                                     "Squeeze",  "Unsqueeze", "Add",     "Sub",
                                                     "Mul",      "Div",       "Concat"};
    return known.contains(op);
  }

 private:
  bool is_arithmetic() const { return op_ == "Add" || op_ == "Sub" || op_ == "Mul" || op_ == "Div"; }
  bool has_list() const { return op_ == "Reshape" || op_ == "Squeeze" || op_ == "Unsqueeze"; }

  // The floats among the inputs, and whether what they take is enough for a result of their size.
  bool find_operands() {
    const std::uint32_t inputs = graph_.input_count(node_);
    const std::uint32_t count = has_list() ? std::min(inputs, 1u) : inputs;
    if (count == 0 || count > kMaxInputs) return false;
    for (std::uint32_t i = 0; i < count; ++i) {
      const FoldConstant* constant = graph_.constant(graph_.input(node_, i));
      if (constant == nullptr || constant->locked || constant->shape.size() > kMaxRank) return false;
      operands_.push_back(constant);
    }
    return true;
  }

  // The size of what is used by this node alone: it makes room for the result.
  bool makes_room(std::uint64_t bytes) {
    std::set<NameId> names;
    std::uint64_t freed = 0;
    for (const FoldConstant* operand : operands_) {
      if (!names.insert(operand->name).second) continue;
      const auto times = static_cast<std::uint32_t>(
          std::count_if(operands_.begin(), operands_.end(),
                        [&](const FoldConstant* other) { return other->name == operand->name; }));
      if (graph_.is_exclusive(operand->name, times))
        freed = base::checked_add(freed, operand->bytes(), "size of folded constants");
    }
    return bytes <= freed && graph_.has_room(bytes);
  }

  std::optional<Shape> new_shape(const onnx::NodeProto& proto) {
    const FoldConstant& x = *operands_[0];
    if (!makes_room(x.bytes())) return std::nullopt;
    if (op_ == "Identity") return x.shape;
    const std::optional<std::vector<std::int64_t>> list = integer_list(proto);
    if (!list) return std::nullopt;
    if (op_ == "Reshape") return reshaped(*list, x, find_attribute(proto, "allowzero"));
    return op_ == "Squeeze" ? squeezed(*list, x) : unsqueezed(*list, x);
  }

  std::optional<std::vector<std::int64_t>> integer_list(const onnx::NodeProto& proto) const {
    if (op_ != "Reshape" && graph_.opset() < kAxesAsInput) return integers_of(find_attribute(proto, "axes"));
    if (graph_.input_count(node_) < 2) return std::vector<std::int64_t>();
    return graph_.integers(graph_.input(node_, 1));
  }

  static std::optional<Shape> reshaped(const std::vector<std::int64_t>& list, const FoldConstant& x,
                                       const onnx::AttributeProto* allow_zero) {
    if (list.size() > kMaxRank || (allow_zero != nullptr && allow_zero->i() != 0)) return std::nullopt;
    Shape shape;
    std::size_t open = list.size();
    for (std::size_t d = 0; d < list.size(); ++d) {
      if (list[d] < -1 || (list[d] == -1 && open != list.size())) return std::nullopt;
      if (list[d] == -1) open = d;
      if (list[d] == 0 && d >= x.shape.size()) return std::nullopt;
      shape.push_back(list[d] == 0 ? x.shape[d] : list[d] == -1 ? 1 : static_cast<std::uint64_t>(list[d]));
    }
    if (open == list.size()) return shape;
    std::uint64_t rest = x.elements();
    for (const std::uint64_t dim : shape) rest /= std::max<std::uint64_t>(dim, 1);
    shape[open] = rest;
    return shape;
  }

  static std::optional<Shape> squeezed(const std::vector<std::int64_t>& list, const FoldConstant& x) {
    const std::optional<std::set<std::size_t>> axes = axes_in(list, x.shape.size());
    if (!axes) return std::nullopt;
    Shape shape;
    for (std::size_t d = 0; d < x.shape.size(); ++d) {
      const bool drop = axes->empty() ? x.shape[d] == 1 : axes->contains(d);
      if (drop && x.shape[d] != 1) return std::nullopt;
      if (!drop) shape.push_back(x.shape[d]);
    }
    return shape;
  }

  static std::optional<Shape> unsqueezed(const std::vector<std::int64_t>& list, const FoldConstant& x) {
    const std::size_t rank = x.shape.size() + list.size();
    const std::optional<std::set<std::size_t>> axes = axes_in(list, rank);
    if (!axes || axes->empty() || rank > kMaxRank) return std::nullopt;
    Shape shape;
    for (std::size_t d = 0, from = 0; d < rank; ++d) shape.push_back(axes->contains(d) ? 1 : x.shape[from++]);
    return shape;
  }

  std::optional<Result> cast(const onnx::NodeProto& proto) {
    const onnx::AttributeProto* to = find_attribute(proto, "to");
    const std::optional<DType> dtype =
        to == nullptr ? std::nullopt : weight_dtype(static_cast<std::int32_t>(to->i()));
    const FoldConstant& x = *operands_[0];
    if (operands_.size() != 1 || !dtype) return std::nullopt;
    const std::uint64_t bytes =
        base::checked_mul(x.elements(), tensor::element_size(*dtype), "size of a cast constant");
    if (!makes_room(bytes)) return std::nullopt;
    Result result{*dtype, x.shape, base::Bytes(bytes)};
    visit_doubles(x.dtype, graph_.read(x), [&](std::size_t i, double value) {
      const std::size_t size = tensor::element_size(*dtype);
      store_doubles(*dtype, std::span(&value, 1), std::span(result.payload).subspan(i * size, size));
    });
    return result;
  }

  std::optional<Result> transpose(const onnx::NodeProto& proto) {
    const FoldConstant& x = *operands_[0];
    if (operands_.size() != 1 || !makes_room(x.bytes())) return std::nullopt;
    std::vector<std::int64_t> perm = integers_of(find_attribute(proto, "perm"));
    if (perm.empty())
      for (std::size_t d = x.shape.size(); d-- > 0;) perm.push_back(static_cast<std::int64_t>(d));
    const std::optional<std::set<std::size_t>> axes = axes_in(perm, x.shape.size());
    const bool negative = std::any_of(perm.begin(), perm.end(), [](std::int64_t axis) { return axis < 0; });
    if (!axes || axes->size() != x.shape.size() || negative) return std::nullopt;
    Shape shape;
    std::vector<std::uint64_t> strides;
    const std::vector<std::uint64_t> dense = dense_strides(x.shape);
    for (const std::int64_t axis : perm) {
      shape.push_back(x.shape[static_cast<std::size_t>(axis)]);
      strides.push_back(dense[static_cast<std::size_t>(axis)]);
    }
    const base::Bytes from = graph_.read(x);
    Result result{x.dtype, shape, base::Bytes(from.size())};
    const std::size_t size = tensor::element_size(x.dtype);
    StridedIndex index(shape, strides);
    for (std::size_t at = 0; at < from.size(); at += size)
      std::copy_n(from.data() + index.next() * size, size, result.payload.data() + at);
    return result;
  }

  // One operand is the weight and has the result's shape; the other one is stretched over it. A result that
  // is rounded from double is the one that arithmetic in the type itself gives: 53 bits are more than 2 x 24
  // + 2.
  std::optional<Result> arithmetic() {
    if (operands_.size() != 2 || operands_[0]->dtype != operands_[1]->dtype) return std::nullopt;
    const std::uint64_t big = operands_[1]->elements() > operands_[0]->elements() ? 1 : 0;
    const FoldConstant &weight = *operands_[big], &other = *operands_[1 - big];
    const auto strides = broadcast_strides(other.shape, weight.shape);
    if (!strides || other.elements() > kMaxSecondOperand || !makes_room(weight.bytes())) return std::nullopt;
    const std::vector<double> values = graph_.doubles(other);
    Result result{weight.dtype, weight.shape, graph_.read(weight), big};
    StridedIndex index(weight.shape, *strides);
    transform_doubles(weight.dtype, result.payload, [&](std::size_t, double value) {
      const double with = values[index.next()];
      return big == 0 ? calculate(value, with) : calculate(with, value);
    });
    return result;
  }

  double calculate(double a, double b) const {
    switch (op_[0]) {
      case 'A':
        return a + b;
      case 'S':
        return a - b;
      case 'M':
        return a * b;
      default:
        return a / b;
    }
  }

  std::optional<Result> concat(const onnx::NodeProto& proto) {
    const FoldConstant& first = *operands_[0];
    const onnx::AttributeProto* attribute = find_attribute(proto, "axis");
    if (attribute == nullptr) return std::nullopt;
    const auto axes = axes_in({attribute->i()}, first.shape.size());
    if (!axes) return std::nullopt;
    const std::size_t axis = *axes->begin();
    Result result{first.dtype, first.shape, {}};
    result.shape[axis] = 0;
    std::uint64_t bytes = 0;
    for (const FoldConstant* part : operands_) {
      Shape rest = part->shape;
      if (rest.size() != first.shape.size() || part->dtype != first.dtype) return std::nullopt;
      rest[axis] = first.shape[axis];
      if (rest != first.shape) return std::nullopt;
      result.shape[axis] = base::checked_add(result.shape[axis], part->shape[axis], "size of a Concat");
      bytes = base::checked_add(bytes, part->bytes(), "size of a Concat");
    }
    if (!makes_room(bytes)) return std::nullopt;
    join(axis, bytes, result);
    return result;
  }

  void join(std::size_t axis, std::uint64_t bytes, Result& result) const {
    std::uint64_t outer = 1;
    for (std::size_t d = 0; d < axis; ++d) outer *= result.shape[d];
    result.payload.resize(bytes);
    const std::uint64_t row = bytes / outer;
    std::uint64_t column = 0;
    for (const FoldConstant* part : operands_) {
      const base::Bytes from = graph_.read(*part);
      const std::uint64_t size = from.size() / outer;
      for (std::uint64_t i = 0; i < outer; ++i)
        std::copy_n(from.data() + i * size, size, result.payload.data() + i * row + column);
      column += size;
    }
  }

  FoldGraph& graph_;
  std::uint32_t node_;
  const std::string op_;
  std::vector<const FoldConstant*> operands_;
};

bool fold_node(FoldGraph& graph, std::uint32_t node) {
  if (graph.is_gone(node) || !Evaluation::is_known(graph.op(node))) return false;
  const NameId output = graph.output(node);
  if (output == 0 || graph.uses(output) == UINT32_MAX || graph.producer(output) != node) return false;
  Evaluation evaluation(graph, node);
  std::optional<Result> result = evaluation.run();
  if (!result) return false;
  const FoldConstant& from = evaluation.operand(result->weight);
  const std::string original = from.made.original;
  const NameId origin = graph.op(node) == "Concat" ? 0 : from.origin;  // one part is not the whole
  FoldConstant& made =
      graph.replace_by_constant(node, result->dtype, result->shape, std::move(result->payload));
  made.origin = origin;
  made.made.original = original;
  made.made.constant_nodes = true;
  for (std::uint32_t i = 0; i < graph.input_count(node); ++i) graph.release(graph.input(node, i));
  return true;
}

}  // namespace

std::uint64_t fold_constants(FoldGraph& graph) {
  std::uint64_t folded = 0;
  for (const std::uint32_t node : graph.nodes())
    if (fold_node(graph, node)) ++folded;
  return folded;
}

}  // namespace tt::model
