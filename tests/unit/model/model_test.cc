#include "model/model.h"

#include <doctest/doctest.h>

#include "support.h"

namespace tt::model::test {
namespace {

using onnx::TensorProto;

void check_round_trip(const Model& model) {
  CHECK(assemble(model, model.exact_skeleton()) == source_files(model));
}

TensorProto half_tensor(const std::string& name, std::initializer_list<int> values) {
  TensorProto tensor;
  tensor.set_name(name);
  tensor.set_data_type(TensorProto::FLOAT16);
  tensor.add_dims(static_cast<std::int64_t>(values.size()));
  for (int value : values) tensor.add_int32_data(value);
  return tensor;
}

TEST_CASE("every storage of float weights round-trips") {
  onnx::ModelProto proto = empty_model();
  auto& graph = *proto.mutable_graph();
  *graph.add_initializer() = raw_tensor("raw", {4, 6});
  auto* floats = graph.add_initializer();
  *floats = raw_tensor("floats", {2, 8});
  floats->clear_raw_data();
  for (int i = 0; i < 16; ++i) floats->add_float_data(static_cast<float>(i) / 3);
  auto* doubles = graph.add_initializer();
  doubles->set_name("doubles");
  doubles->set_data_type(TensorProto::DOUBLE);
  doubles->add_dims(17);
  for (int i = 0; i < 17; ++i) doubles->add_double_data(i);
  auto* bfloat = graph.add_initializer();
  bfloat->set_name("bf16");
  bfloat->set_data_type(TensorProto::BFLOAT16);
  bfloat->add_dims(16);
  bfloat->set_raw_data(std::string(32, 'x'));
  *graph.add_initializer() =
      half_tensor("halves", {0, 1, 127, 128, 16383, 16384, 65535, 15360, 48128, 7, 8, 9, 10, 11, 12, 13});
  Model model = open_proto(proto);
  REQUIRE(model.weights().size() == 5);
  CHECK(model.format() == FileFormat::onnx);
  CHECK(find_weight(model, "halves").place.form == PayloadForm::varint16);
  tensor::WeightData halves = model.read(find_weight(model, "halves"));
  REQUIRE(halves.payload.size() == 32);
  CHECK(base::load_le<std::uint16_t>(halves.payload.data() + 12) == 65535);
  CHECK(find_weight(model, "doubles").layout.dtype == tensor::DType::f64);
  CHECK(find_weight(model, "bf16").layout.dtype == tensor::DType::bf16);
  CHECK(model.read(find_weight(model, "raw")).payload == bytes_of(float_bytes(24)));
  check_round_trip(model);
}

TEST_CASE("what is no weight stays in the skeleton") {
  onnx::ModelProto proto = empty_model();
  auto& graph = *proto.mutable_graph();
  *graph.add_initializer() = raw_tensor("small", {15});
  *graph.add_initializer() = raw_tensor("empty", {0, 1000});
  *graph.add_initializer() = raw_tensor("scalar", {});
  auto* ints = graph.add_initializer();
  ints->set_name("ints");
  ints->set_data_type(TensorProto::INT8);
  ints->add_dims(20);
  for (int i = 0; i < 20; ++i) ints->add_int32_data(-i);
  auto* unknown = graph.add_initializer();
  unknown->set_name("unknown");
  unknown->set_data_type(77);
  unknown->add_dims(32);
  unknown->set_raw_data("abc");
  *graph.add_initializer() = half_tensor("negative", {-1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  Model model = open_proto(proto);
  CHECK(model.weights().empty());
  std::vector<std::string> notes = model.notes();
  auto has_note = [&](const std::string& text) {
    return std::find(notes.begin(), notes.end(), text) != notes.end();
  };
  CHECK(has_note("1 int8 tensor"));
  CHECK(has_note("1 type 77 tensor"));
  CHECK(has_note("tensor 'negative': int32_data not in canonical varints"));
  check_round_trip(model);
  CHECK(assemble(model, model.inline_skeleton()) == source_files(model));
}

TEST_CASE("a payload in two pieces or unpacked stays in the skeleton with a note") {
  auto field = [](int number, const std::string& body) {
    return std::string(1, static_cast<char>(number << 3 | 2)) + static_cast<char>(body.size()) + body;
  };
  std::string head = std::string("\x08\x10\x10\x01", 4) + field(8, "w");
  std::string pieces = head + field(4, float_bytes(8)) + field(4, float_bytes(8));
  std::string unpacked = head;
  for (int i = 0; i < 16; ++i) unpacked += std::string("\x25\0\0\x80\x3f", 5);
  for (const std::string& tensor : {pieces, unpacked}) {
    Model model = open_text(std::string("\x08\x08", 2) + field(7, field(5, tensor)));
    CHECK(model.weights().empty());
    CHECK(model.notes() == std::vector<std::string>{"tensor 'w': payload not in one piece"});
    check_round_trip(model);
  }
}

TEST_CASE("constants, subgraphs and functions have weights with unique names") {
  onnx::ModelProto proto = empty_model();
  auto& graph = *proto.mutable_graph();
  *graph.add_initializer() = raw_tensor("w", {4, 4});
  graph.add_input()->set_name("w");  // as IR version 3 wants it
  auto* constant = add_node(graph, "Constant", {}, {"c"});
  auto* value = constant->add_attribute();
  value->set_name("value");
  *value->mutable_t() = raw_tensor("", {16});
  auto* other = add_node(graph, "MyOp", {"c"}, {"d"})->add_attribute();
  other->set_name("table");
  *other->mutable_t() = raw_tensor("t", {16});
  auto* branch = add_node(graph, "If", {"cond"}, {"y"}, "choice")->add_attribute();
  branch->set_name("then_branch");
  *branch->mutable_g()->add_initializer() = raw_tensor("w", {4, 4});
  add_node(*branch->mutable_g(), "MatMul", {"x", "w"}, {"z"}, "inner");
  auto* function = proto.add_functions();
  function->set_name("f");
  auto* inside = function->add_node();
  inside->set_op_type("Constant");
  inside->add_output("k");
  auto* inside_value = inside->add_attribute();
  inside_value->set_name("value");
  *inside_value->mutable_t() = raw_tensor("", {16});
  auto* twin = function->add_node();
  *twin = *inside;
  Model model = open_proto(proto);
  std::vector<std::string> names;
  for (const Weight& weight : model.weights()) names.push_back(weight.name);
  CHECK(names == std::vector<std::string>{"c", "choice/then_branch/w", "w", "f/k", "f/k#2"});
  CHECK(find_weight(model, "choice/then_branch/w").nodes == std::vector<std::string>{"inner"});
  check_round_trip(model);
}

TEST_CASE("unknown fields of newer files pass through") {
  onnx::ModelProto proto = empty_model();
  *proto.mutable_graph()->add_initializer() = raw_tensor("w", {4, 4});
  auto& unknown = *proto.mutable_graph()->GetReflection()->MutableUnknownFields(proto.mutable_graph());
  unknown.AddLengthDelimited(900, "new");
  unknown.AddVarint(901, 5);
  unknown.AddFixed32(902, 5);
  unknown.AddFixed64(903, 5);
  check_round_trip(open_proto(proto));
  unknown.AddGroup(904);
  CHECK(open_error(proto.SerializeAsString(), "wire type 3") == base::ErrorKind::bad_data);
}

TEST_CASE("matrix views") {
  onnx::ModelProto proto = empty_model();
  auto& graph = *proto.mutable_graph();
  *graph.add_initializer() = raw_tensor("kernel", {8, 4, 3, 3});
  *graph.add_initializer() = raw_tensor("gates", {2, 16, 5});
  *graph.add_initializer() = raw_tensor("stack", {2, 4, 6});
  *graph.add_initializer() = raw_tensor("shift", {16, 1, 1});
  add_node(graph, "Conv", {"x", "kernel"}, {"a"});
  add_node(graph, "LSTM", {"x", "gates", "gates"}, {"b"});
  add_node(graph, "MatMul", {"x", "stack"}, {"c"});
  add_node(graph, "Add", {"a", "shift"}, {"d"});
  Model model = open_proto(proto);
  auto view = [&](const std::string& name) {
    const tensor::WeightLayout& layout = find_weight(model, name).layout;
    return std::pair(layout.rows, layout.cols);
  };
  CHECK(view("kernel") == std::pair<std::uint64_t, std::uint64_t>(8, 36));
  CHECK(view("gates") == std::pair<std::uint64_t, std::uint64_t>(32, 5));
  CHECK(view("stack") == std::pair<std::uint64_t, std::uint64_t>(8, 6));
  CHECK(view("shift") == std::pair<std::uint64_t, std::uint64_t>(1, 16));
}

}  // namespace
}  // namespace tt::model::test
