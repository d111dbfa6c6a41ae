#include "model/onnx_walk.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_set>

#include "base/error.h"
#include "base/text.h"
#include "model/tensor_walk.h"

namespace tt::model {

using base::Error;
using base::ErrorKind;
using onnx::AttributeProto;
using onnx::FunctionProto;
using onnx::GraphProto;
using onnx::ModelProto;
using onnx::NodeProto;

namespace {

// Fields newer than the packaged header.
constexpr int kFunctionAttributeDefaults = 11;

constexpr const char* kNoModelHint = "tt reads .onnx and .safetensors files; convert other models first";

// Attributes without a tensor or graph that somebody needs.
constexpr std::array<std::string_view, 10> kKeptAttributes = {
    "group", "axis", "kernel_shape", "strides", "pads", "dilations", "perm", "auto_pad", "transA", "transB"};
struct ListField {
  std::string_view name;
  List Attributes::*list;
};
constexpr ListField kListFields[] = {{"kernel_shape", &Attributes::kernel_shape},
                                     {"strides", &Attributes::strides},
                                     {"pads", &Attributes::pads},
                                     {"dilations", &Attributes::dilations},
                                     {"perm", &Attributes::perm}};

std::uint32_t size32(std::size_t size) {
  return static_cast<std::uint32_t>(size);
}

class Walker {
 public:
  Walker(const base::InputFile& file, Onnx& onnx) : in_(file), onnx_(onnx) { new_graph(); }

  void model() {
    std::uint32_t functions = 0;
    try {
      in_.fields([&](const Field& field) {
        if (field.tag == bytes_tag(ModelProto::kGraphFieldNumber)) {
          if (main_seen_) throw Error(ErrorKind::bad_data, "ONNX file has more than one main graph");
          main_seen_ = true;
          graph(field, "graph", 0, 1);
        } else if (field.tag == bytes_tag(ModelProto::kFunctionsFieldNumber)) {
          function(field, functions++);
        } else if (field.tag == bytes_tag(ModelProto::kTrainingInfoFieldNumber)) {
          ++training_;
        }
      });
    } catch (const Error& error) {
      if (main_seen_ || error.kind() != ErrorKind::bad_data) throw;
      fail_no_model(error.what());
    }
    if (!main_seen_) fail_no_model("no graph in it");
    if (training_ > 0) onnx_.notes.push_back("training information passes through");
    onnx_.messages = in_.take_messages();
  }

 private:
  // A tensor in an attribute of the node that is being read; which one it is shows only at the end of the
  // node.
  struct Attribute {
    std::string name;
    std::uint32_t tensor = kNone;
    std::vector<std::uint32_t> graphs;
    std::uint64_t integer = 0;
    std::vector<std::int64_t> integers;  // empty if there are more than kMaxAttributeIntegers
    std::size_t integer_count = 0;
    std::string text;

    void add_integer(std::uint64_t value) {
      if (++integer_count <= kMaxAttributeIntegers) integers.push_back(static_cast<std::int64_t>(value));
      if (integer_count > kMaxAttributeIntegers) integers.clear();
    }
    bool is_kept() const {
      if (tensor != kNone || !graphs.empty()) return true;
      return std::find(kKeptAttributes.begin(), kKeptAttributes.end(), name) != kKeptAttributes.end();
    }
  };

  [[noreturn]] void fail_no_model(const std::string& why) {
    throw Error(ErrorKind::bad_data,
                "not an ONNX or safetensors model: " + base::printable(in_.file().name()) + ", " + why,
                kNoModelHint);
  }

  std::uint32_t new_graph() {
    if (onnx_.graphs.size() == kMaxGraphs) {
      throw Error(ErrorKind::resource_limit,
                  "ONNX file has more than " + std::to_string(kMaxGraphs) + " graphs");
    }
    onnx_.graphs.emplace_back();
    return size32(onnx_.graphs.size() - 1);
  }

  void graph(const Field& field, const char* label, std::uint32_t id, int depth) {
    if (depth > kMaxGraphDepth) {
      throw Error(ErrorKind::resource_limit,
                  "ONNX graphs are nested deeper than " + std::to_string(kMaxGraphDepth));
    }
    std::uint32_t nodes = 0, sparse = 0;
    in_.message(field, label, kNone, [&](const Field& f) {
      if (id == 0 && onnx_.main_message == kNone) onnx_.main_message = in_.keep_message();
      switch (f.tag) {
        case bytes_tag(GraphProto::kNodeFieldNumber):
          return node(f, nodes++, id, depth);
        case bytes_tag(GraphProto::kInitializerFieldNumber): {
          std::uint32_t count = size32(onnx_.graphs[id].initializers.size());
          std::uint32_t tensor =
              walk_tensor(in_, onnx_, f, "initializer", count, id, TensorKind::initializer);
          onnx_.graphs[id].initializers.push_back(tensor);
          return;
        }
        case bytes_tag(GraphProto::kSparseInitializerFieldNumber):
          return sparse_tensor(f, sparse++, id);
        case bytes_tag(GraphProto::kInputFieldNumber):
          return value_info(f, onnx_.graphs[id].inputs);
        case bytes_tag(GraphProto::kOutputFieldNumber):
          return value_info(f, onnx_.graphs[id].outputs);
        default:
          return;
      }
    });
    check_names(onnx_.graphs[id]);
  }

  void check_names(const Graph& graph) {
    std::unordered_set<NameId> seen;
    for (std::uint32_t tensor : graph.initializers) {
      if (!seen.insert(onnx_.tensors[tensor].name).second) {
        throw Error(ErrorKind::bad_data, "two initializers of one graph are named " +
                                             base::quoted(onnx_.names[onnx_.tensors[tensor].name]));
      }
    }
  }

  void value_info(const Field& field, std::vector<NameId>& names) {
    NameId name = 0;
    in_.message(field, "value", size32(names.size()), [&](const Field& f) {
      if (f.tag == bytes_tag(onnx::ValueInfoProto::kNameFieldNumber)) name = onnx_.names.add(in_.text(f));
    });
    names.push_back(name);
  }

  void sparse_tensor(const Field& field, std::uint32_t index, std::uint32_t graph) {
    in_.message(field, "sparse_initializer", index, [&](const Field& f) {
      if (f.tag == bytes_tag(onnx::SparseTensorProto::kValuesFieldNumber)) {
        walk_tensor(in_, onnx_, f, "values", kNone, graph, TensorKind::other);
      } else if (f.tag == bytes_tag(onnx::SparseTensorProto::kIndicesFieldNumber)) {
        walk_tensor(in_, onnx_, f, "indices", kNone, graph, TensorKind::other);
      }
    });
  }

  void function(const Field& field, std::uint32_t index) {
    std::uint32_t nodes = 0;
    std::uint32_t id = new_graph();
    onnx_.graphs[id].function = true;
    in_.message(field, "function", index, [&](const Field& f) {
      switch (f.tag) {
        case bytes_tag(FunctionProto::kNameFieldNumber):
          onnx_.graphs[id].name = onnx_.names.add(in_.text(f));
          return;
        case bytes_tag(FunctionProto::kDomainFieldNumber):
          onnx_.graphs[id].domain = onnx_.names.add(in_.text(f));
          return;
        case bytes_tag(FunctionProto::kInputFieldNumber):
          onnx_.graphs[id].inputs.push_back(onnx_.names.add(in_.text(f)));
          return;
        case bytes_tag(FunctionProto::kOutputFieldNumber):
          onnx_.graphs[id].outputs.push_back(onnx_.names.add(in_.text(f)));
          return;
        case bytes_tag(FunctionProto::kNodeFieldNumber):
          return node(f, nodes++, id, 1);
        case bytes_tag(kFunctionAttributeDefaults): {
          Node owner;
          owner.graph = id;
          std::uint32_t tensor = attribute(f, kNone, owner, 1).tensor;
          if (tensor != kNone) onnx_.tensors[tensor].kind = TensorKind::other;
          return;
        }
        default:
          return;
      }
    });
  }

  void node(const Field& field, std::uint32_t index, std::uint32_t graph, int depth) {
    Node node;
    node.graph = graph;
    std::vector<NameId> inputs, outputs;
    std::vector<Attribute> attributes;
    std::uint32_t attribute_count = 0;
    in_.message(field, "node", index, [&](const Field& f) {
      switch (f.tag) {
        case bytes_tag(NodeProto::kInputFieldNumber):
          inputs.push_back(onnx_.names.add(in_.text(f)));
          return;
        case bytes_tag(NodeProto::kOutputFieldNumber):
          outputs.push_back(onnx_.names.add(in_.text(f)));
          return;
        case bytes_tag(NodeProto::kNameFieldNumber):
          node.name = onnx_.names.add(in_.text(f));
          return;
        case bytes_tag(NodeProto::kOpTypeFieldNumber):
          node.op = onnx_.names.add(in_.text(f));
          return;
        case bytes_tag(NodeProto::kDomainFieldNumber):
          node.domain = onnx_.names.add(in_.text(f));
          return;
        case bytes_tag(NodeProto::kAttributeFieldNumber): {
          Attribute read = attribute(f, attribute_count++, node, depth);
          if (read.is_kept()) attributes.push_back(std::move(read));
          return;
        }
        default:
          return;
      }
    });
    if (node.op == 0) {
      throw Error(ErrorKind::bad_data, "malformed ONNX file, " + in_.path() + ".node[" +
                                           std::to_string(index) + "] has no op_type");
    }
    node.inputs = add_list(inputs);
    node.outputs = add_list(outputs);
    finish_node(node, attributes);
  }

  List add_list(const std::vector<NameId>& names) {
    List list{size32(onnx_.values.size()), size32(names.size())};
    onnx_.values.insert(onnx_.values.end(), names.begin(), names.end());
    return list;
  }

  void finish_node(Node& node, const std::vector<Attribute>& attributes) {
    std::uint32_t id = size32(onnx_.nodes.size());
    const std::string& domain = onnx_.names[node.domain];
    bool constant = onnx_.op(node) == "Constant" && (domain.empty() || domain == "ai.onnx");
    for (const Attribute& attribute : attributes) {
      for (std::uint32_t graph : attribute.graphs) onnx_.graphs[graph].owner = id;
      if (attribute.name == "group") node.group = static_cast<std::int32_t>(attribute.integer);
      if (attribute.name == "axis") node.axis = static_cast<std::int32_t>(attribute.integer);
      keep_attribute(node, attribute);
      if (attribute.tensor == kNone) continue;
      TensorInfo& tensor = onnx_.tensors[attribute.tensor];
      if (!constant || attribute.name != "value") {
        tensor.kind = TensorKind::other;
        continue;
      }
      node.tensor = attribute.tensor;
      if (tensor.name == 0) tensor.name = onnx_.value(node.outputs, 0);
    }
    onnx_.nodes.push_back(node);
    onnx_.graphs[node.graph].nodes.push_back(id);
  }

  void keep_attribute(Node& node, const Attribute& attribute) {
    const std::string& name = attribute.name;
    const bool is_text = name == "auto_pad", is_a = name == "transA", is_b = name == "transB";
    const ListField* list = std::find_if(std::begin(kListFields), std::end(kListFields),
                                         [&](const ListField& field) { return field.name == name; });
    if (!is_text && !is_a && !is_b && list == std::end(kListFields)) return;
    if (node.attributes == kNone) {
      node.attributes = size32(onnx_.attributes.size());
      onnx_.attributes.emplace_back();
    }
    Attributes& kept = onnx_.attributes[node.attributes];
    if (is_text) kept.auto_pad = onnx_.names.add(attribute.text);
    if (is_a) kept.trans_a = attribute.integer != 0;
    if (is_b) kept.trans_b = attribute.integer != 0;
    if (list == std::end(kListFields)) return;
    kept.*(list->list) = {size32(onnx_.integers.size()), size32(attribute.integers.size())};
    onnx_.integers.insert(onnx_.integers.end(), attribute.integers.begin(), attribute.integers.end());
  }

  Attribute attribute(const Field& field, std::uint32_t index, const Node& node, int depth) {
    Attribute result;
    bool tensor_seen = false, graph_seen = false;
    std::uint32_t tensors = 0, first_tensor = kNone;
    auto once = [&](bool& seen) {
      if (seen) in_.fail("an attribute has two values");
      seen = true;
    };
    in_.message(field, "attribute", index, [&](const Field& f) {
      switch (f.tag) {
        case bytes_tag(AttributeProto::kNameFieldNumber):
          result.name = in_.text(f);
          return;
        case varint_tag(AttributeProto::kIFieldNumber):
          result.integer = f.value;
          return;
        case varint_tag(AttributeProto::kIntsFieldNumber):
          return result.add_integer(f.value);
        case bytes_tag(AttributeProto::kIntsFieldNumber):
          return in_.packed_varints(f, [&](std::uint64_t value) { result.add_integer(value); });
        case bytes_tag(AttributeProto::kSFieldNumber):
          if (f.payload.size() <= kMaxAttributeText) result.text = in_.text(f);
          return;
        case bytes_tag(AttributeProto::kTFieldNumber):
          once(tensor_seen);
          first_tensor = walk_tensor(in_, onnx_, f, "t", kNone, node.graph, TensorKind::constant);
          return;
        case bytes_tag(AttributeProto::kTensorsFieldNumber):
          walk_tensor(in_, onnx_, f, "tensors", tensors++, node.graph, TensorKind::other);
          return;
        case bytes_tag(AttributeProto::kGFieldNumber):
          once(graph_seen);
          [[fallthrough]];
        case bytes_tag(AttributeProto::kGraphsFieldNumber):
          result.graphs.push_back(new_graph());
          return graph(f, "g", result.graphs.back(), depth + 1);
        case bytes_tag(AttributeProto::kSparseTensorFieldNumber):
        case bytes_tag(AttributeProto::kSparseTensorsFieldNumber):
          return sparse_tensor(f, kNone, node.graph);
        default:
          return;
      }
    });
    result.tensor = first_tensor;
    for (std::uint32_t graph : result.graphs) onnx_.graphs[graph].name = onnx_.names.add(result.name);
    return result;
  }

  WireReader in_;
  Onnx& onnx_;
  bool main_seen_ = false;
  int training_ = 0;
};

}  // namespace

Onnx walk_onnx(const base::InputFile& file) {
  Onnx onnx;
  Walker(file, onnx).model();
  return onnx;
}

}  // namespace tt::model
