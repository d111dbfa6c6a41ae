// The main graph of a model while it is folded: who gives and uses each name, the constants with their new
// values, the nodes that changed. Names are those of the file: a name that a subgraph or function uses counts
// as used there, even if it is another value of the same name.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/fold.h"
#include "model/fold_places.h"
#include "model/model_state.h"
#include "tensor/dtype.h"

namespace onnx {
class NodeProto;
}

namespace tt::model {

inline constexpr std::uint64_t kMaxFoldNode = 64 << 10;  // bytes of a node that is looked into
inline constexpr std::uint64_t kMaxFoldIntegers = 4096;  // bytes of a shape or list of axes

// From this version of the format on initializers need not be declared as inputs; those that are are
// defaults.
inline constexpr std::uint64_t kFirstFreeInitializers = 4;

// A float constant: an initializer, the value of a Constant node, or what folded nodes gave.
struct FoldConstant {
  NameId name = 0;
  NameId written = 0;            // the name in the new file
  NameId origin = 0;             // of what a result of folded nodes is made of
  std::uint32_t tensor = kNone;  // of Onnx; kNone for results of folded nodes
  tensor::DType dtype = tensor::DType::f32;
  tensor::Shape shape;
  bool locked = false;                 // must stay: kept by the caller, or one payload of several tensors
  std::optional<base::Bytes> payload;  // flat; the new values, if there are any
  FoldedWeight made;                   // how, for the report

  std::uint64_t elements() const { return tensor::element_count(shape); }
  std::uint64_t bytes() const { return elements() * tensor::element_size(dtype); }
};

class FoldGraph {
 public:
  FoldGraph(const Model& model, const FoldOptions& options);

  const Onnx& onnx() const { return onnx_; }
  std::uint64_t opset() const { return places_.opset; }
  const FoldPlaces& places() const { return places_; }
  // False where nothing may be folded at all.
  bool is_foldable() const;

  // Of the main graph, in order, those that are gone too. An operator of another domain is "".
  const std::vector<std::uint32_t>& nodes() const { return onnx_.graphs[0].nodes; }
  bool is_gone(std::uint32_t node) const { return gone_nodes_[node]; }
  std::string_view op(std::uint32_t node) const;
  NameId input(std::uint32_t node, std::uint32_t index) const;
  std::uint32_t input_count(std::uint32_t node) const;
  // Its only output, 0 if there are more.
  NameId output(std::uint32_t node) const;
  // The node as it is now; nothing if it is larger than kMaxFoldNode or no proper message.
  std::optional<onnx::NodeProto> proto(std::uint32_t node) const;
  // The same outputs, other inputs of the same names: the uses must be right afterwards.
  void set_proto(std::uint32_t node, const onnx::NodeProto& proto);

  // The node of the main graph that gives `name`, kNone if there is none or two.
  std::uint32_t producer(NameId name) const { return wires_[name].producer; }
  // Uses by nodes of the main graph; UINT32_MAX where others see the name, too.
  std::uint32_t uses(NameId name) const;
  // The node with the only use, kNone if there are more.
  std::uint32_t consumer(NameId name) const;
  // Of a value that the file declares (inputs, value_info).
  std::optional<std::uint32_t> rank(NameId name) const;

  FoldConstant* constant(NameId name);
  // Not locked and used by one node alone, `times` times.
  bool is_exclusive(NameId name, std::uint32_t times = 1);
  // An int64 constant of at most kMaxFoldIntegers bytes.
  std::optional<std::vector<std::int64_t>> integers(NameId name) const;
  base::Bytes read(const FoldConstant& constant) const;
  std::vector<double> doubles(const FoldConstant& constant) const;
  const std::deque<FoldConstant>& constants() const { return constants_; }
  // Whether `bytes` of new values still fit kMaxFoldBytes.
  bool has_room(std::uint64_t bytes) const { return bytes <= kMaxFoldBytes - new_bytes_; }
  // False for an initializer that the file must declare as an input of this shape and type.
  bool may_become(const FoldConstant& constant, tensor::DType dtype, const tensor::Shape& shape) const;
  void set_values(FoldConstant& constant, tensor::DType dtype, tensor::Shape shape, base::Bytes payload);

  // The node gives way to a constant of its output's name.
  FoldConstant& replace_by_constant(std::uint32_t node, tensor::DType dtype, tensor::Shape shape,
                                    base::Bytes payload);
  // Results of folded nodes take the name of the constant that they are made of, where one node uses them and
  // the name is free: users know weights by it. The last change.
  void restore_names();
  // One use less; a constant without uses goes.
  void release(NameId name);
  void remove_node(std::uint32_t node);
  // The same for a node whose output nobody uses any more.
  void bypass(std::uint32_t node);
  // `node` gives `name` instead of what it gave.
  void set_output(std::uint32_t node, NameId name);
  // Input `index` of `node` becomes `name`, which `before` used until now; appended if index is their number.
  void set_input(std::uint32_t node, std::uint32_t index, NameId name, std::uint32_t before);

 private:
  struct Wire {
    std::uint32_t producer = kNone, consumer = kNone, uses = 0;
    std::uint32_t tensor = kNone, initializer = kNone;  // of Onnx; number in the main graph
    std::uint32_t constant = kNone;                     // in constants_
    std::uint32_t rank = kNone;
    bool elsewhere = false, is_input = false, gone = false;
  };

  void connect();
  void connect_node(std::uint32_t node);
  void use(std::uint32_t node, NameId name);
  std::size_t position(std::uint32_t node) const;
  FoldConstant* add_constant(NameId name);

  friend class FoldWriter;

  const Model::State& state_;
  const Onnx& onnx_;
  const FoldOptions& options_;
  FoldPlaces places_;
  std::vector<Wire> wires_;           // by name
  std::vector<bool> gone_nodes_;      // by node
  std::vector<bool> shared_weights_;  // by weight: the payload of several tensors
  std::deque<FoldConstant> constants_;
  std::map<std::uint32_t, std::shared_ptr<const onnx::NodeProto>> protos_;  // by node, where it changed
  std::uint64_t new_bytes_ = 0;
};

// By tensor: the name of a constant of the main graph (an initializer's own, or what its Constant node
// gives), else 0.
std::vector<NameId> constant_names(const Onnx& onnx);

}  // namespace tt::model
