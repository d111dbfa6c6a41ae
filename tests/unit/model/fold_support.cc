#include "fold_support.h"

#include <doctest/doctest.h>

#include <cstring>

namespace tt::model::test {

namespace {

onnx::AttributeProto* attribute(onnx::NodeProto* node, const std::string& name,
                                onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto* added = node->add_attribute();
  added->set_name(name);
  added->set_type(type);
  return added;
}

}  // namespace

void set_int(onnx::NodeProto* node, const std::string& name, std::int64_t value) {
  attribute(node, name, onnx::AttributeProto::INT)->set_i(value);
}
void set_ints(onnx::NodeProto* node, const std::string& name, const std::vector<std::int64_t>& values) {
  onnx::AttributeProto* added = attribute(node, name, onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) added->add_ints(value);
}
void set_float(onnx::NodeProto* node, const std::string& name, float value) {
  attribute(node, name, onnx::AttributeProto::FLOAT)->set_f(value);
}

onnx::NodeProto* FoldGraphBuilder::norm(const std::string& x, const std::string& y, std::int64_t channels,
                                        const std::string& prefix) {
  weight(prefix + ".scale", {channels}, 1.5F);
  weight(prefix + ".b", {channels}, 2);
  weight(prefix + ".mean", {channels}, 3);
  weight(prefix + ".var", {channels}, 4);
  return node("BatchNormalization", {x, prefix + ".scale", prefix + ".b", prefix + ".mean", prefix + ".var"},
              {y});
}

void FoldGraphBuilder::constant(const std::string& name, Dims dims, float first) {
  onnx::NodeProto* made = node("Constant", {}, {name});
  *attribute(made, "value", onnx::AttributeProto::TENSOR)->mutable_t() = raw_tensor("", dims, first);
}

void FoldGraphBuilder::integers(const std::string& name, std::vector<std::int64_t> values) {
  onnx::TensorProto* tensor = graph().add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(onnx::TensorProto::INT64);
  tensor->add_dims(static_cast<std::int64_t>(values.size()));
  for (const std::int64_t value : values) tensor->add_int64_data(value);
}

onnx::ModelProto FoldGraphBuilder::fold(const FoldOptions& options) {
  const Model model = open_proto(proto);
  const std::optional<Model> made = folded(model, report, options);
  REQUIRE(made.has_value());
  onnx::ModelProto result;
  REQUIRE(result.ParseFromString(source_files(*made).at(0)));
  return result;
}

std::string FoldGraphBuilder::refusal(const FoldOptions& options) {
  const Model model = open_proto(proto);
  CHECK_FALSE(folded(model, report, options).has_value());
  CHECK(report.batch_normalizations + report.constant_nodes == 0);
  CHECK(report.weights.empty());
  return report.left.size() == 1 ? report.left.begin()->first : "";
}

const onnx::TensorProto* find_initializer(const onnx::ModelProto& proto, const std::string& name) {
  for (const onnx::TensorProto& tensor : proto.graph().initializer())
    if (tensor.name() == name) return &tensor;
  return nullptr;
}

std::vector<float> values_of(const onnx::ModelProto& proto, const std::string& name) {
  const onnx::TensorProto* tensor = find_initializer(proto, name);
  for (const onnx::NodeProto& node : proto.graph().node())
    if (node.op_type() == "Constant" && node.output(0) == name) tensor = &node.attribute(0).t();
  CAPTURE(name);
  REQUIRE(tensor != nullptr);
  REQUIRE(tensor->data_type() == onnx::TensorProto::FLOAT);
  std::vector<float> values(tensor->raw_data().size() / 4);
  std::memcpy(values.data(), tensor->raw_data().data(), 4 * values.size());
  return values;
}

std::vector<std::string> ops_of(const onnx::ModelProto& proto) {
  std::vector<std::string> ops;
  for (const onnx::NodeProto& node : proto.graph().node()) ops.push_back(node.op_type());
  return ops;
}

}  // namespace tt::model::test
