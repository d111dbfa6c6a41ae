#include "runtime/task.h"

#include <doctest/doctest.h>
#include <onnx/onnx_pb.h>

#include "support.h"

namespace tt::runtime {
namespace {

using base::ErrorKind;
using test::value;

constexpr std::uint64_t kVocabulary = 20;

// A model with an embedding table of kVocabulary rows that ends in `op`.
model::Model model_of(const std::string& op, std::int64_t axis = 0) {
  onnx::ModelProto proto;
  proto.set_ir_version(8);
  proto.add_opset_import()->set_version(17);
  onnx::GraphProto& graph = *proto.mutable_graph();
  onnx::TensorProto& table = *graph.add_initializer();
  table.set_name("table");
  table.set_data_type(onnx::TensorProto::FLOAT);
  table.add_dims(kVocabulary);
  table.add_dims(4);
  table.set_raw_data(std::string(kVocabulary * 16, '\1'));
  onnx::NodeProto& gather = *graph.add_node();
  gather.set_op_type("Gather");
  gather.add_input("table");
  gather.add_input("ids");
  gather.add_output("x");
  onnx::NodeProto& last = *graph.add_node();
  last.set_op_type(op);
  last.add_input("x");
  last.add_output("y");
  if (axis != 0) {
    onnx::AttributeProto& attribute = *last.add_attribute();
    attribute.set_name("axis");
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(axis);
  }
  graph.add_input()->set_name("ids");
  graph.add_output()->set_name("y");
  const std::string text = proto.SerializeAsString();
  return model::Model::open(test::file_of({text.begin(), text.end()}), std::vector<model::SourceFile>{});
}

const Signature kImages = {{value("x", {kFree, 3, 8, 8})}, {value("y", {kFree, 10})}};
const Signature kTokens = {{value("ids", {kFree, kFree}, ElementType::i64)},
                           {value("y", {kFree, kFree, kVocabulary})}};

Signature with_output(const std::vector<std::int64_t>& dims, ElementType type = ElementType::f32) {
  return {kImages.inputs, {value("y", dims, type)}};
}

TaskChoice choose(const Signature& signature, const Array* labels = nullptr, bool predictions = false,
                  std::optional<Task> wished = {}) {
  return choose_task(model_of("Relu"), signature, labels, wished, predictions);
}

TEST_CASE("names of tasks") {
  for (const Task task : {Task::classification, Task::lm, Task::regression, Task::embedding, Task::generic})
    CHECK(parse_task(task_name(task)) == task);
  CHECK(task_name(Task::lm) == "lm");
  CHECK(test::error_kind([] { parse_task("LM"); }, "no task 'LM'") == ErrorKind::usage);
}

TEST_CASE("labels choose the task") {
  const Array classes = test::integers({5}, {1, 2, 3, 4, 5}), values = test::floats({3}, {0.5, 1, 2}),
              positions = test::integers({2, 2}, {1, 2, 3, 4}),
              hot = test::floats({2, 3}, {0, 0, 1, 1, 0, 0});
  const TaskChoice choice = choose(kImages, &classes);
  CHECK(choice.task == Task::classification);
  CHECK(choice.output == "y");
  CHECK(choice.scores == Scores::logits);
  CHECK(choice.reason == "integer labels, one a sample");
  CHECK(choose(kImages, &hot).task == Task::classification);
  CHECK(choose(kImages, &values).task == Task::regression);
  CHECK(choose(kImages, &values).scores == Scores::values);
  CHECK(choose(with_output({kFree, 1}), &classes).task == Task::regression);
  CHECK(choose(with_output({kFree, 10, 1, 1}), &classes).task == Task::classification);
  CHECK(choose(with_output({kFree, 1, 1, 1}), &classes).task == Task::regression);
  CHECK(choose(kTokens, &positions).task == Task::lm);
  CHECK(choose(with_output({kFree, kFree, 7}), &positions).task == Task::classification);
  CHECK(choose(kImages, &positions).task == Task::regression);
}

TEST_CASE("the model chooses the task") {
  CHECK(choose(kTokens).task == Task::lm);
  CHECK(choose(kTokens).scores == Scores::logits);
  Signature sentences = kTokens;
  sentences.outputs = {value("y", {kFree, 384})};
  CHECK(choose(sentences).task == Task::embedding);
  CHECK(choose(sentences).scores == Scores::values);
  CHECK(choose(kImages).task == Task::generic);
  CHECK(choose(kImages, nullptr, true).task == Task::classification);
  CHECK(choose(with_output({kFree, 1}), nullptr, true).task == Task::generic);
  // A scalar number beside floats is no token; nor are the bytes of an image.
  Signature audio = {{value("x", {kFree, 512}), value("sr", {}, ElementType::i64)}, {value("y", {kFree, 1})}};
  CHECK(choose(audio).task == Task::generic);
  Signature bytes = kImages;
  bytes.inputs[0].type = ElementType::u8;
  CHECK(choose(bytes).task == Task::generic);
}

TEST_CASE("a model that ends in a softmax classifies") {
  const auto of = [](const std::string& op, std::int64_t axis, const std::vector<std::int64_t>& dims) {
    return choose_task(model_of(op, axis), with_output(dims), nullptr, {}, false);
  };
  CHECK(of("Softmax", 0, {kFree, 10}).task == Task::classification);
  CHECK(of("Softmax", 0, {kFree, 10}).scores == Scores::probabilities);
  CHECK(of("LogSoftmax", -1, {kFree, 10}).scores == Scores::log_probabilities);
  CHECK(of("Softmax", 1, {1, 1000, 1, 1}).scores == Scores::probabilities);
  CHECK(of("Softmax", 2, {1, 4420, 2}).scores == Scores::probabilities);
  // Over channels, a single class, over the samples: no rows of classes.
  CHECK(of("Softmax", 1, {1, 21, 64, 64}).task == Task::generic);
  CHECK(of("Softmax", 1, {1, 21, 64, 64}).scores == Scores::values);
  CHECK(of("Softmax", -1, {1, 1}).task == Task::generic);
  CHECK(of("Softmax", -2, {4, 10}).task == Task::generic);
  CHECK(of("Softmax", 5, {4, 10}).task == Task::generic);
  CHECK(of("Sigmoid", 0, {kFree, 10}).task == Task::generic);
}

TEST_CASE("a task that was asked for") {
  CHECK(choose(kImages, nullptr, false, Task::embedding).task == Task::embedding);
  CHECK(choose(kTokens, nullptr, false, Task::generic).reason == "asked for");
  CHECK(choose(kTokens, nullptr, false, Task::lm).output == "y");
  const auto kind = [](const Signature& signature, Task task, const std::string& part) {
    return test::error_kind([&] { choose(signature, nullptr, false, task); }, part);
  };
  CHECK(kind(with_output({kFree, 1}), Task::classification, "scores of at least two classes") ==
        ErrorKind::usage);
  CHECK(kind(kImages, Task::lm, "scores [samples, positions, vocabulary]") == ErrorKind::usage);
  const Signature integers = with_output({kFree, 10}, ElementType::i64);
  CHECK(kind(integers, Task::regression, "floating-point values") == ErrorKind::usage);
  CHECK(kind(integers, Task::embedding, "floating-point values") == ErrorKind::usage);
  CHECK(choose(integers).task == Task::generic);
  CHECK(choose(integers).output.empty());
}

TEST_CASE("the output with a distribution goes before others") {
  Signature boxes = {kImages.inputs, {value("boxes", {1, 100, 4}), value("y", {1, 100, 2})}};
  const TaskChoice choice = choose_task(model_of("Softmax", -1), boxes, nullptr, {}, false);
  CHECK(choice.output == "y");
  CHECK(choice.scores == Scores::probabilities);
}

}  // namespace
}  // namespace tt::runtime
