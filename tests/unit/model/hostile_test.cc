// Files from strangers: each is refused with the right kind and a message that says why.
#include <doctest/doctest.h>

#include "support.h"

namespace tt::model::test {
namespace {

using base::ErrorKind;
using onnx::TensorProto;

std::string field(int number, const std::string& body) {
  std::string text(1, static_cast<char>(number << 3 | 2));
  for (std::size_t size = body.size();; size >>= 7) {
    text += static_cast<char>((size & 0x7f) | (size > 0x7f ? 0x80 : 0));
    if (size <= 0x7f) break;
  }
  return text + body;
}

std::string repeat(const std::string& text, std::size_t count) {
  std::string result;
  result.reserve(text.size() * count);
  for (std::size_t i = 0; i < count; ++i) result += text;
  return result;
}

std::string with_tensor(const TensorProto& tensor) {
  onnx::ModelProto proto = empty_model();
  *proto.mutable_graph()->add_initializer() = tensor;
  return proto.SerializeAsString();
}

TEST_CASE("other files are no models") {
  CHECK(open_error("", "is empty") == ErrorKind::bad_data);
  CHECK(open_error("hello, world", "not an ONNX or safetensors model") == ErrorKind::bad_data);
  CHECK(open_error(std::string("\x08\x07", 2), "no graph") == ErrorKind::bad_data);
  CHECK(open_error(std::string(100, '\0'), "not an ONNX or safetensors model") == ErrorKind::bad_data);
  CHECK(open_error("PK\x03\x04 and so on", "a zip archive") == ErrorKind::bad_data);
  CHECK(open_error("\x80\x02\x8a\x0a", "a Python pickle") == ErrorKind::bad_data);
  CHECK(open_error("\x89HDF\r\n\x1a\n", "an HDF5 file") == ErrorKind::bad_data);
}

TEST_CASE("dimensions and payloads must agree") {
  TensorProto w = raw_tensor("w", {16});
  for (std::size_t size : {63, 65, 128, 0}) {
    w.set_raw_data(std::string(size, 'x'));
    CHECK(open_error(with_tensor(w), "tensor 'w' has") == ErrorKind::bad_data);
  }
  TensorProto typed = raw_tensor("w", {16});
  typed.clear_raw_data();
  for (int i = 0; i < 15; ++i) typed.add_float_data(1);
  CHECK(open_error(with_tensor(typed), "15 elements") == ErrorKind::bad_data);
  typed.add_float_data(1);
  typed.set_raw_data(float_bytes(16));
  CHECK(open_error(with_tensor(typed), "two payloads") == ErrorKind::bad_data);
  TensorProto ints = raw_tensor("w", {3});
  ints.set_data_type(TensorProto::INT64);
  ints.clear_raw_data();
  ints.add_int64_data(-1);
  CHECK(open_error(with_tensor(ints), "1 elements") == ErrorKind::bad_data);
  TensorProto untyped = raw_tensor("w", {16});
  untyped.clear_data_type();
  CHECK(open_error(with_tensor(untyped), "no element type") == ErrorKind::bad_data);
}

TEST_CASE("dimensions that overflow or are negative") {
  const std::int64_t values[] = {-1, 2147483648, std::int64_t{1} << 32, std::int64_t{1} << 62};
  for (std::int64_t a : values) {
    for (std::int64_t b : values) {
      TensorProto w = raw_tensor("w", {16});
      w.clear_dims();
      w.add_dims(a);
      w.add_dims(b);
      w.add_dims(4);
      CHECK(open_error(with_tensor(w)) == ErrorKind::bad_data);
    }
  }
  CHECK(
      open_error(std::string("\x08\x08", 2) +
                     field(7, field(5, std::string("\x10\x01", 2) + repeat(std::string("\x08\x01", 2), 65))),
                 "64 dimensions") == ErrorKind::resource_limit);
}

TEST_CASE("names, graphs and nodes") {
  onnx::ModelProto proto = empty_model();
  *proto.mutable_graph()->add_initializer() = raw_tensor("w\n", {16});
  *proto.mutable_graph()->add_initializer() = raw_tensor("w\n", {16});
  CHECK(open_error(proto.SerializeAsString(), "two initializers of one graph are named 'w\\") ==
        ErrorKind::bad_data);
  std::string graph = field(7, "");
  CHECK(open_error(graph + graph, "more than one main graph") == ErrorKind::bad_data);
  CHECK(open_error(field(7, field(1, "")), "graph.node[0] has no op_type") == ErrorKind::bad_data);
  std::string node = field(4, "If") + field(5, field(6, "") + field(6, ""));
  CHECK(open_error(field(7, field(1, node)), "two values") == ErrorKind::bad_data);
  CHECK(open_error(field(7, field(1, field(4, std::string(70000, 'a')))), "64 KiB") ==
        ErrorKind::resource_limit);
}

TEST_CASE("nesting and counts are limited") {
  auto nested = [](int depth) {
    std::string graph;
    for (int i = 1; i < depth; ++i) graph = field(1, field(4, "If") + field(5, field(6, graph)));
    return field(7, graph);
  };
  CHECK_NOTHROW(open_text(nested(32)));
  CHECK(open_error(nested(33), "deeper than 32") == ErrorKind::resource_limit);
  CHECK(open_error(nested(5000), "deeper than 32") == ErrorKind::resource_limit);
  const std::size_t many = 2'000'001;
  CHECK(open_error(field(7, repeat(std::string("\x5a\0", 2), many)), "more than 2000000 messages") ==
        ErrorKind::resource_limit);
  CHECK(open_error(field(7, field(1, field(4, "R") + repeat(std::string("\x2a\0", 2), many)))) ==
        ErrorKind::resource_limit);
  CHECK(open_error(field(7, "") + repeat(std::string("\xca\x01\0", 3), 70'000), "graphs") ==
        ErrorKind::resource_limit);
}

TEST_CASE("every truncation and many broken bytes give an error or a model, never a crash") {
  onnx::ModelProto proto = empty_model();
  auto& graph = *proto.mutable_graph();
  *graph.add_initializer() = raw_tensor("w", {4, 4});
  add_node(graph, "MatMul", {"x", "w"}, {"y"}, "n");
  auto* branch = add_node(graph, "If", {"c"}, {"z"}, "choice")->add_attribute();
  branch->set_name("then_branch");
  *branch->mutable_g()->add_initializer() = raw_tensor("v", {4, 4});
  graph.add_output()->set_name("y");
  std::string text = proto.SerializeAsString();
  auto survives = [](const std::string& changed) {
    try {
      Model model = open_text(changed);
      CHECK(assemble(model, model.exact_skeleton()) == source_files(model));
    } catch (const base::Error& error) {
      CHECK(error.kind() != ErrorKind::internal);
    }
  };
  for (std::size_t size = 0; size < text.size(); ++size) survives(text.substr(0, size));
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = text;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      survives(changed);
    }
  }
}

TEST_CASE("a graph with cycles opens") {
  onnx::ModelProto proto = empty_model();
  auto& graph = *proto.mutable_graph();
  add_node(graph, "Identity", {"a"}, {"a"});
  add_node(graph, "Reshape", {"b"}, {"c"});
  add_node(graph, "Transpose", {"c"}, {"b"});
  add_node(graph, "MatMul", {"a", "b"}, {"d"});
  add_node(graph, "Softmax", {"d"}, {"a"});
  add_node(graph, "Add", {"d", "e"}, {"e"});
  graph.add_output()->set_name("e");
  CHECK_NOTHROW(open_proto(proto));
}

}  // namespace
}  // namespace tt::model::test
