// What is kept of an ONNX file: names, nodes, tensors with the places of their payloads. Names are numbers in
// one table and lists are ranges of one array, so that a graph of two million nodes stays below 200 MiB.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/model.h"
#include "model/wire.h"

namespace tt::model {

using NameId = std::uint32_t;  // 0 is the empty name

// Every distinct name once. Errors: resource_limit above kMaxMessages names.
class Names {
 public:
  Names();
  NameId add(std::string_view name);
  NameId find(std::string_view name) const;  // 0 for unknown ones
  const std::string& operator[](NameId id) const { return texts_[id]; }
  std::size_t size() const { return texts_.size(); }

 private:
  std::deque<std::string> texts_;
  std::map<std::string_view, NameId> ids_;  // a hash table could be made slow by names that collide
};

struct List {
  std::uint32_t begin = 0, count = 0;
};

// Which field of a TensorProto holds the elements.
enum class Storage : std::uint8_t { none, raw, floats, doubles, ints32, ints64, uints64, strings, external };
enum class TensorKind : std::uint8_t {
  initializer,
  constant,
  other
};  // other: sparse tensors, further attributes

struct ExternalData {
  std::string location, offset, length;  // as in the file; empty if absent
  std::vector<Range>
      fields;  // data_location, external_data and empty raw_data, to be removed when it is inlined
};

struct TensorInfo {
  NameId name = 0;
  std::int32_t data_type = 0;
  std::uint32_t graph = 0;
  std::uint32_t message = kNone;   // in Onnx::messages
  std::uint32_t external = kNone;  // in Onnx::externals
  TensorKind kind = TensorKind::other;
  Storage storage = Storage::none;
  bool whole = false;  // the payload is one range that `place` gives
  std::vector<std::uint64_t> dims;
  Place place;
  Range field;  // the field of the payload, with tag and length
};

// What is kept of the attributes of convolutions, products and Transpose.
struct Attributes {
  List kernel_shape, strides, pads, dilations, perm;  // of Onnx::integers, as in the file
  NameId auto_pad = 0;
  bool trans_a = false, trans_b = false;
};

struct Node {
  NameId op = 0, domain = 0, name = 0;
  std::uint32_t graph = 0;
  List inputs, outputs;              // of Onnx::values
  std::uint32_t tensor = kNone;      // of a Constant
  std::uint32_t attributes = kNone;  // in Onnx::attributes, if it has one of them
  std::int32_t group = 1, axis = 0;  // attributes of these names
};

struct Graph {
  NameId name = 0;              // of the attribute that holds it, or of the function
  NameId domain = 0;            // of the function
  std::uint32_t owner = kNone;  // the node whose attribute it is
  bool function = false;
  std::vector<NameId> inputs, outputs;
  std::vector<std::uint32_t> initializers, nodes;
};

struct Onnx {
  Names names;
  std::deque<TensorInfo> tensors;  // in file order
  std::deque<Node> nodes;          // a node stands after those of its subgraphs
  std::deque<Graph> graphs;        // 0 is the main graph
  std::vector<NameId> values;
  std::vector<Attributes> attributes;
  std::vector<std::int64_t> integers;
  std::vector<ExternalData> externals;
  std::vector<Message> messages;       // the main graph and those around tensors, outer ones first
  std::uint32_t main_message = kNone;  // the main graph's
  std::vector<std::string> notes;

  const std::string& op(const Node& node) const { return names[node.op]; }
  NameId value(const List& list, std::uint32_t index) const {
    return index < list.count ? values[list.begin + index] : 0;
  }
  // Name, else the first output's name.
  const std::string& label(const Node& node) const;
  // "if_node/then_branch/" for a graph inside another one, "function/" for a function, empty for the main
  // graph.
  std::string prefix(std::uint32_t graph) const;
};

}  // namespace tt::model
