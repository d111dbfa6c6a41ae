#include "model/external_data.h"

#include <doctest/doctest.h>

#include "support.h"

namespace tt::model::test {
namespace {

using base::ErrorKind;

onnx::ModelProto model_of(std::initializer_list<onnx::TensorProto> tensors) {
  onnx::ModelProto proto = empty_model();
  for (const onnx::TensorProto& tensor : tensors) *proto.mutable_graph()->add_initializer() = tensor;
  return proto;
}

ErrorKind error_of(const onnx::TensorProto& tensor, const std::string& message, const std::string& folder) {
  return open_error(model_of({tensor}).SerializeAsString(), message, folder);
}

TEST_CASE("external files round-trip with their gaps") {
  TempFolder folder;
  folder.write("a.bin", "gap!" + float_bytes(16, 1) + "hole" + float_bytes(20, 2) + "tail");
  folder.write("b.bin", float_bytes(16, 3));
  Model model = open_proto(model_of({external_tensor("second", {20}, "a.bin", "72", "80"),
                                     external_tensor("first", {4, 4}, "./a.bin", "4", "64"),
                                     external_tensor("whole", {16}, "b.bin", "", "")}),
                           folder.path());
  REQUIRE(model.weights().size() == 3);
  REQUIRE(model.files().size() == 3);
  CHECK(model.files()[1].location == "a.bin");
  CHECK(!model.plain_locations());  // "./a.bin"
  CHECK(assemble(model, model.exact_skeleton()) == source_files(model));
  CHECK(model.read(find_weight(model, "first")).payload == bytes_of(float_bytes(16, 1)));

  onnx::ModelProto inlined;
  std::vector<std::string> files = assemble(model, model.inline_skeleton());
  REQUIRE(files.size() == 1);
  REQUIRE(inlined.ParseFromString(files[0]));
  CHECK(
      inlined.SerializeAsString() ==
      model_of({raw_tensor("second", {20}, 2), raw_tensor("first", {4, 4}, 1), raw_tensor("whole", {16}, 3)})
          .SerializeAsString());
}

TEST_CASE("external data from files in memory opens nothing") {
  const onnx::ModelProto proto = model_of({external_tensor("a", {16}, "a.bin", "", "")});
  const auto open = [&](const std::string& location) {
    std::vector<SourceFile> beside;
    beside.push_back({location, base::InputFile::from_bytes(bytes_of(float_bytes(16, 1)), location)});
    return Model::open(base::InputFile::from_bytes(bytes_of(proto.SerializeAsString()), "m"), std::move(beside));
  };
  const Model model = open("a.bin");
  CHECK(model.plain_locations());
  CHECK(model.read(model.weights()[0]).payload == bytes_of(float_bytes(16, 1)));
  CHECK_THROWS_WITH_AS(open("b.bin"), doctest::Contains("not part of the model"), base::Error);
}

TEST_CASE("one range is one weight, overlapping ranges are none") {
  TempFolder folder;
  folder.write("a.bin", float_bytes(40));
  onnx::ModelProto proto = model_of(
      {external_tensor("a", {4, 4}, "a.bin", "0", "64"), external_tensor("b", {4, 4}, "a.bin", "0", "64"),
       external_tensor("c", {16}, "a.bin", "64", "64"), external_tensor("d", {16}, "a.bin", "96", "64")});
  add_node(*proto.mutable_graph(), "MatMul", {"x", "a"}, {"y"}, "one");
  add_node(*proto.mutable_graph(), "MatMul", {"x", "b"}, {"z"}, "two");
  Model model = open_proto(proto, folder.path());
  REQUIRE(model.weights().size() == 1);
  CHECK(model.weights()[0].name == "a");
  CHECK(model.weights()[0].nodes == std::vector<std::string>{"one", "two"});
  CHECK(model.notes() == std::vector<std::string>{"tensor 'c' and 1 more: external data overlaps"});
  CHECK(assemble(model, model.exact_skeleton()) == source_files(model));

  onnx::ModelProto inlined;
  REQUIRE(inlined.ParseFromString(assemble(model, model.inline_skeleton())[0]));
  CHECK(inlined.graph().initializer(0).raw_data() == inlined.graph().initializer(1).raw_data());
  CHECK(inlined.graph().initializer(3).raw_data() == float_bytes(40).substr(96, 64));
}

TEST_CASE("inlining keeps the lengths of nested messages") {
  TempFolder folder;
  folder.write("a.bin", float_bytes(64));
  onnx::ModelProto proto = empty_model();
  auto* loop = add_node(*proto.mutable_graph(), "Loop", {"n"}, {"y"}, "outer")->add_attribute();
  loop->set_name("body");
  loop->set_type(onnx::AttributeProto::GRAPH);
  auto* branch = add_node(*loop->mutable_g(), "If", {"c"}, {"z"}, "inner")->add_attribute();
  branch->set_name("then_branch");
  branch->set_type(onnx::AttributeProto::GRAPH);
  auto& inner = *branch->mutable_g();
  *inner.add_initializer() = external_tensor("w", {8, 8}, "a.bin", "0", "256");
  onnx::TensorProto codes = external_tensor("codes", {100}, "a.bin", "10", "100");
  codes.set_data_type(onnx::TensorProto::INT8);
  auto* attribute = add_node(inner, "MyOp", {"w"}, {"v"})->add_attribute();
  attribute->set_name("codes");
  *attribute->mutable_t() = codes;
  onnx::TensorProto half;
  half.set_name("half");
  half.set_data_type(onnx::TensorProto::FLOAT16);
  half.add_dims(40);
  for (int i = 0; i < 40; ++i) half.add_int32_data(i * 100);
  *inner.add_initializer() = half;
  *inner.add_initializer() = external_tensor("none", {0, 5}, "a.bin", "8", "0");
  inner.set_doc_string("after");
  Model model = open_proto(proto, folder.path());
  CHECK(model.weights().size() == 1);
  CHECK(assemble(model, model.exact_skeleton()) == source_files(model));

  onnx::ModelProto inlined;
  REQUIRE(inlined.ParseFromString(assemble(model, model.inline_skeleton())[0]));
  const auto& result = inlined.graph().node(0).attribute(0).g().node(0).attribute(0).g();
  CHECK(result.doc_string() == "after");
  CHECK(result.initializer(0).raw_data() == float_bytes(64));
  CHECK(result.initializer(0).external_data_size() == 0);
  CHECK_FALSE(result.initializer(0).has_data_location());
  CHECK(result.initializer(1).int32_data_size() == 0);
  REQUIRE(result.initializer(1).raw_data().size() == 80);
  CHECK(base::load_le<std::uint16_t>(
            reinterpret_cast<const std::uint8_t*>(result.initializer(1).raw_data().data()) + 78) == 3900);
  CHECK(result.initializer(2).raw_data().empty());
  CHECK(result.node(0).attribute(0).t().raw_data() == float_bytes(64).substr(10, 100));
}

TEST_CASE("bad external data is refused") {
  TempFolder folder;
  folder.write("a.bin", float_bytes(20));
  std::string path = folder.path();
  for (const char* number : {"-4", "1e9", " 4", "0x10", "18446744073709551616", "4.0"}) {
    CHECK(error_of(external_tensor("w", {16}, "a.bin", number, "64"), "not a decimal number", path) ==
          ErrorKind::bad_data);
    CHECK(error_of(external_tensor("w", {16}, "a.bin", "0", number), "not a decimal number", path) ==
          ErrorKind::bad_data);
  }
  CHECK(error_of(external_tensor("w", {16}, "a.bin", "32", "64"), "ends outside", path) ==
        ErrorKind::bad_data);
  CHECK(error_of(external_tensor("w", {16}, "a.bin", "18446744073709551615", "64"), "ends outside", path) ==
        ErrorKind::bad_data);
  CHECK(error_of(external_tensor("w", {16}, "a.bin", "999", ""), "ends outside", path) ==
        ErrorKind::bad_data);
  CHECK(error_of(external_tensor("w", {16}, "a.bin", "", ""), "80 bytes of external data", path) ==
        ErrorKind::bad_data);
  CHECK(error_of(external_tensor("w", {16}, "", "0", "64"), "without a location", path) ==
        ErrorKind::bad_data);
  CHECK(error_of(external_tensor("w", {16}, "../a.bin", "0", "64"), "", path) == ErrorKind::bad_data);
  CHECK(error_of(external_tensor("w", {16}, "absent.bin", "0", "64"), "", path) == ErrorKind::not_found);
  onnx::TensorProto both = external_tensor("w", {16}, "a.bin", "0", "64");
  both.set_raw_data(float_bytes(16));
  CHECK(error_of(both, "two payloads", path) == ErrorKind::bad_data);
  onnx::TensorProto twice = external_tensor("w", {16}, "a.bin", "0", "64");
  *twice.add_external_data() = twice.external_data(0);
  CHECK(error_of(twice, "twice", path) == ErrorKind::bad_data);
  onnx::TensorProto text = external_tensor("w", {16}, "a.bin", "0", "64");
  text.set_data_type(onnx::TensorProto::STRING);
  CHECK(error_of(text, "holds strings", path) == ErrorKind::bad_data);
}

}  // namespace
}  // namespace tt::model::test
