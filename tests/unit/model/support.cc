#include "support.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <cstring>
#include <fstream>

#include "model/skeleton_writer.h"

namespace tt::model::test {

std::string float_bytes(std::size_t count, float first) {
  std::string text(count * 4, '\0');
  for (std::size_t i = 0; i < count; ++i) {
    float value = first + static_cast<float>(i);
    std::memcpy(text.data() + 4 * i, &value, 4);
  }
  return text;
}

namespace {

std::size_t set_dims(onnx::TensorProto& tensor, std::initializer_list<std::int64_t> dims) {
  std::size_t count = 1;
  for (std::int64_t dim : dims) {
    tensor.add_dims(dim);
    count *= static_cast<std::size_t>(dim);
  }
  return count;
}

}  // namespace

onnx::TensorProto raw_tensor(const std::string& name, std::initializer_list<std::int64_t> dims, float first) {
  onnx::TensorProto tensor;
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  tensor.set_raw_data(float_bytes(set_dims(tensor, dims), first));
  return tensor;
}

onnx::TensorProto external_tensor(const std::string& name, std::initializer_list<std::int64_t> dims,
                                  const std::string& location, const std::string& offset,
                                  const std::string& length) {
  onnx::TensorProto tensor;
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  set_dims(tensor, dims);
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  for (const auto& [key, value] : {std::pair("location", location), {"offset", offset}, {"length", length}}) {
    if (value.empty()) continue;
    auto* entry = tensor.add_external_data();
    entry->set_key(key);
    entry->set_value(value);
  }
  return tensor;
}

onnx::NodeProto* add_node(onnx::GraphProto& graph, const std::string& op,
                          std::initializer_list<std::string> inputs,
                          std::initializer_list<std::string> outputs, const std::string& name) {
  onnx::NodeProto* node = graph.add_node();
  node->set_op_type(op);
  node->set_name(name);
  for (const std::string& input : inputs) node->add_input(input);
  for (const std::string& output : outputs) node->add_output(output);
  return node;
}

onnx::ModelProto empty_model() {
  onnx::ModelProto model;
  model.set_ir_version(8);
  auto* opset = model.add_opset_import();
  opset->set_version(17);
  model.mutable_graph()->set_name("g");
  return model;
}

Model open_text(const std::string& text, const std::string& folder) {
  return Model::open(base::InputFile::from_bytes(bytes_of(text), "model.onnx"), folder);
}

std::vector<std::string> source_files(const Model& model) {
  std::vector<std::string> files;
  for (const SourceFile& source : model.files()) {
    base::Bytes bytes = source.file.read_bytes(0, source.file.size());
    files.emplace_back(bytes.begin(), bytes.end());
  }
  return files;
}

std::vector<std::string> assemble(const Model& model, const Skeleton& skeleton) {
  std::vector<base::Bytes> payloads;
  for (const Weight& weight : model.weights()) payloads.push_back(model.read(weight).payload);
  std::vector<std::uint64_t> sizes;
  for (const base::Bytes& payload : payloads) sizes.push_back(payload.size());
  for (const SkeletonFile& file : skeleton.files) {
    for (const Piece& piece : file.pieces) {
      if (piece.weight == kNoWeight || piece.form == PayloadForm::flat) continue;
      payloads[piece.weight] = to_varint16(payloads[piece.weight]);
      sizes[piece.weight] = payloads[piece.weight].size();
    }
  }
  Placement placement = place_pieces(skeleton.files, skeleton.literals.size(), sizes);
  std::vector<std::string> files;
  for (std::uint64_t size : placement.file_sizes) files.emplace_back(size, '?');
  for (const LiteralTarget& literal : placement.literals) {
    std::memcpy(files[literal.file].data() + literal.offset, skeleton.literals.data() + literal.source,
                literal.length);
  }
  for (std::size_t i = 0; i < payloads.size(); ++i) {
    for (const Target& target : placement.weights[i]) {
      REQUIRE(target.length == payloads[i].size());
      std::memcpy(files[target.file].data() + target.offset, payloads[i].data(), target.length);
    }
  }
  return files;
}

const Weight& find_weight(const Model& model, const std::string& name) {
  for (const Weight& weight : model.weights()) {
    if (weight.name == name) return weight;
  }
  FAIL("no weight " << name);
  return model.weights().front();
}

base::ErrorKind open_error(const std::string& text, const std::string& message, const std::string& folder) {
  try {
    open_text(text, folder);
  } catch (const base::Error& error) {
    CAPTURE(std::string(error.what()));
    CHECK(std::string(error.what()).find(message) != std::string::npos);
    return error.kind();
  }
  FAIL("opened: " << message);
  return base::ErrorKind::internal;
}

TempFolder::TempFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "tt-model-XXXXXX").string();
  REQUIRE(mkdtemp(name.data()) != nullptr);
  path_ = name;
}
TempFolder::~TempFolder() {
  std::filesystem::remove_all(path_);
}

void TempFolder::write(const std::string& name, const std::string& content) const {
  std::ofstream(path_ / name, std::ios::binary) << content;
}

}  // namespace tt::model::test
