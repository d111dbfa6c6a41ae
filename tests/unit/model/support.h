// Small ONNX models made with the generated classes, and their assembly from skeletons.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/model.h"

namespace tt::model::test {

inline base::Bytes bytes_of(const std::string& text) {
  return {text.begin(), text.end()};
}

// 4 bytes an element: 0.5, 1.5, ...
std::string float_bytes(std::size_t count, float first = 0.5F);
onnx::TensorProto raw_tensor(const std::string& name, std::initializer_list<std::int64_t> dims,
                             float first = 0.5F);
onnx::TensorProto external_tensor(const std::string& name, std::initializer_list<std::int64_t> dims,
                                  const std::string& location, const std::string& offset,
                                  const std::string& length);
onnx::NodeProto* add_node(onnx::GraphProto& graph, const std::string& op,
                          std::initializer_list<std::string> inputs,
                          std::initializer_list<std::string> outputs, const std::string& name = "");
onnx::ModelProto empty_model();

Model open_text(const std::string& text, const std::string& folder = "");
inline Model open_proto(const onnx::ModelProto& proto, const std::string& folder = "") {
  return open_text(proto.SerializeAsString(), folder);
}

// Output files made of a skeleton and the model's payloads.
std::vector<std::string> assemble(const Model& model, const Skeleton& skeleton);
std::vector<std::string> source_files(const Model& model);
const Weight& find_weight(const Model& model, const std::string& name);

// The kind of error that opening gives; fails the test if it opens. `message`: a part of the message.
base::ErrorKind open_error(const std::string& text, const std::string& message = "",
                           const std::string& folder = "");

// A folder that goes with the object.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  std::string path() const { return path_.string(); }
  void write(const std::string& name, const std::string& content) const;

 private:
  std::filesystem::path path_;
};

}  // namespace tt::model::test
