#include "model/attention.h"

#include <algorithm>
#include <deque>
#include <initializer_list>
#include <set>
#include <string_view>

namespace tt::model {

namespace {

using Nodes = std::set<std::uint32_t>;

constexpr std::uint32_t kMaxInputs = 64;
constexpr std::size_t kMaxVisits = 96;  // nodes of one search: blocks are small, and time stays linear

bool one_of(std::string_view op, std::initializer_list<std::string_view> ops) {
  return std::find(ops.begin(), ops.end(), op) != ops.end();
}

// Between the scores and the Softmax: scaling, masks, views.
bool is_score_op(std::string_view op) {
  return is_view_op(op) || one_of(op, {"Add", "Sub", "Mul", "Div", "Where", "Clip", "Max", "Min", "Tanh",
                                       "Expand", "Slice", "Concat"});
}
// Between a projection and the product of q and k, or with v: bias, heads, rotary positions, key cache.
bool is_head_op(std::string_view op) {
  return is_view_op(op) || one_of(op, {"Add", "Sub", "Mul", "Div", "Split", "Slice", "Gather", "Concat",
                                       "Neg", "Expand", "Tile", "LayerNormalization", "RMSNormalization",
                                       "SimplifiedLayerNormalization", "Where"});
}
// Between the last product and the output projection.
bool is_merge_op(std::string_view op) {
  return is_view_op(op) || one_of(op, {"Slice", "Concat", "Mul", "Where"});
}
bool is_activation(std::string_view op) {
  return one_of(
      op, {"Relu", "LeakyRelu", "PRelu", "Elu", "Celu", "Selu", "Gelu", "FastGelu", "BiasGelu", "QuickGelu",
           "Erf", "Tanh", "Sigmoid", "HardSigmoid", "HardSwish", "Swish", "Mish", "Softplus", "Clip"});
}
bool is_product_of_two(std::string_view op) {
  return one_of(op, {"MatMul", "FusedMatMul", "Einsum"});
}

// Operators that hold the whole attention: of ONNX (opset 23), and of ONNX Runtime.
bool is_attention(std::string_view op) {
  return one_of(op, {"Attention", "MultiHeadAttention", "GroupQueryAttention", "PackedAttention",
                     "PackedMultiHeadAttention", "DecoderMaskedMultiHeadAttention"});
}

class Finder {
 public:
  explicit Finder(const Layers& layers)
      : layers_(layers), values_(layers.values()), roles_(values_.onnx().nodes.size(), Role::dense) {}

  std::vector<Role> run() {
    find_heads();
    std::uint32_t count = static_cast<std::uint32_t>(roles_.size());
    for (std::uint32_t n = 0; n < count; ++n) {
      if (values_.op(n) == "Softmax") find_attention(n);
      if (is_attention(values_.op(n))) find_fused_attention(n);
    }
    for (std::uint32_t n = 0; has_attention_ && n < count; ++n) {
      if (layers_.is_dense(n) && roles_[n] == Role::dense) find_feed_forward(n);
    }
    return std::move(roles_);
  }

 private:
  // The layers that a value comes from, through nodes of `passes`.
  template <typename Passes>
  Nodes layers_before(std::uint32_t value, Passes passes) const {
    return nodes_before(value, passes, [&](std::uint32_t n) { return layers_.matrix(n) != kNone; });
  }

  template <typename Passes, typename Found>
  Nodes nodes_before(std::uint32_t start, Passes passes, Found found) const {
    Nodes result, seen;
    std::deque<std::uint32_t> queue{start};
    while (!queue.empty() && seen.size() < kMaxVisits) {
      std::uint32_t n = values_.producer(queue.front());
      queue.pop_front();
      if (n == kNone || !seen.insert(n).second) continue;
      if (found(n)) {
        result.insert(n);
      } else if (passes(values_.op(n))) {
        for (std::uint32_t i = 0; i < std::min(values_.node(n).inputs.count, kMaxInputs); ++i)
          queue.push_back(values_.input(values_.node(n), i));
      }
    }
    return result;
  }

  template <typename Passes, typename Found>
  Nodes nodes_after(std::uint32_t start, Passes passes, Found found) const {
    Nodes result, seen;
    std::deque<std::uint32_t> queue{start};
    while (!queue.empty() && seen.size() < kMaxVisits) {
      std::uint32_t value = queue.front();
      queue.pop_front();
      if (value == kNone) continue;
      for (const Use& use : values_[value].uses) {
        if (seen.size() >= kMaxVisits || !seen.insert(use.node).second) continue;
        if (found(use.node)) {
          result.insert(use.node);
        } else if (passes(values_.op(use.node))) {
          queue.push_back(values_.output(values_.node(use.node), 0));
        }
      }
    }
    return result;
  }

  bool is_free_product(std::uint32_t n) const {
    if (!is_product_of_two(values_.op(n)) || layers_.matrix(n) != kNone) return false;
    const Node& node = values_.node(n);
    return values_.constant(values_.input(node, 0)) == kNone &&
           values_.constant(values_.input(node, 1)) == kNone;
  }

  void set_role(std::uint32_t node, Role role) {
    if (!layers_.is_dense(node) || roles_[node] == Role::head) return;
    // A node found as two of q, k and v projects all of them.
    bool projection = role == Role::attention_q || role == Role::attention_k || role == Role::attention_v;
    if (projection && roles_[node] != Role::dense && roles_[node] != role) role = Role::attention_v;
    roles_[node] = role;
  }

  void set_only(const Nodes& nodes, Role role) {
    if (nodes.size() == 1) set_role(*nodes.begin(), role);
  }

  void find_attention(std::uint32_t softmax) {
    auto free_product = [&](std::uint32_t n) { return is_free_product(n); };
    Nodes scores = nodes_before(values_.input(values_.node(softmax), 0), is_score_op, free_product);
    Nodes mixes = nodes_after(values_.output(values_.node(softmax), 0), is_score_op, free_product);
    if (scores.size() != 1 || mixes.size() != 1) return;
    has_attention_ = true;
    const Node& score = values_.node(*scores.begin());
    set_only(layers_before(values_.input(score, 0), is_head_op), Role::attention_q);
    set_only(layers_before(values_.input(score, 1), is_head_op), Role::attention_k);

    std::uint32_t mix = *mixes.begin();
    for (std::uint32_t i = 0; i < 2; ++i) {
      std::uint32_t value = values_.input(values_.node(mix), i);
      bool weights = !nodes_before(value, is_score_op, [&](std::uint32_t n) { return n == softmax; }).empty();
      if (!weights) set_only(layers_before(value, is_head_op), Role::attention_v);
    }
    find_output_projection(mix);
  }

  void find_output_projection(std::uint32_t mix) {
    auto layer = [&](std::uint32_t n) { return layers_.matrix(n) != kNone; };
    set_only(nodes_after(values_.output(values_.node(mix), 0), is_merge_op, layer), Role::attention_out);
  }

  // Query, key and value are inputs 0 to 2 unless the operator has the projections' weight itself.
  void find_fused_attention(std::uint32_t attention) {
    has_attention_ = true;
    if (layers_.matrix(attention) == kNone) {
      const Node& node = values_.node(attention);
      set_only(layers_before(values_.input(node, 0), is_head_op), Role::attention_q);
      set_only(layers_before(values_.input(node, 1), is_head_op), Role::attention_k);
      set_only(layers_before(values_.input(node, 2), is_head_op), Role::attention_v);
    }
    find_output_projection(attention);
  }

  struct Branch {
    std::set<std::uint32_t> values;    // that depend on the dense node
    std::set<std::uint32_t> partners;  // other operands of products
    Nodes activations, layers;
  };

  // True if all inputs of a sum are constants or come from the branch: a residual connection leaves the
  // block.
  bool sum_inside(const Branch& branch, const Node& node) const {
    for (std::uint32_t i = 0; i < 2; ++i) {
      std::uint32_t value = values_.input(node, i);
      if (value == kNone) return false;
      if (branch.values.count(value) == 0 && values_.constant(value) == kNone) return false;
    }
    return true;
  }

  bool branch_passes(Branch& branch, std::uint32_t n) const {
    std::string_view op = values_.op(n);
    const Node& node = values_.node(n);
    if (is_activation(op)) branch.activations.insert(n);
    if (is_activation(op) || is_view_op(op) || one_of(op, {"Div", "Pow"})) return true;
    if (op == "Add" || op == "Sub") return sum_inside(branch, node);
    if (op != "Mul") return false;
    for (std::uint32_t i = 0; i < 2; ++i) branch.partners.insert(values_.input(node, i));
    return true;
  }

  Branch follow(std::uint32_t dense) const {
    Branch branch;
    std::uint32_t start = values_.output(values_.node(dense), 0);
    if (start == kNone) return branch;
    std::deque<std::uint32_t> queue{start};
    branch.values.insert(start);
    for (std::size_t visits = 0; !queue.empty() && visits < kMaxVisits;) {
      std::uint32_t value = queue.front();
      queue.pop_front();
      for (const Use& use : values_[value].uses) {
        if (++visits > kMaxVisits) break;
        if (layers_.matrix(use.node) != kNone) {
          branch.layers.insert(use.node);
        } else if (branch_passes(branch, use.node)) {
          std::uint32_t next = values_.output(values_.node(use.node), 0);
          if (next != kNone && branch.values.insert(next).second) queue.push_back(next);
        }
      }
    }
    return branch;
  }

  void find_feed_forward(std::uint32_t dense) {
    Branch branch = follow(dense);
    if (branch.activations.empty() || branch.layers.size() != 1) return;
    std::uint32_t down = *branch.layers.begin();
    if (!layers_.is_dense(down) || (roles_[down] != Role::dense && roles_[down] != Role::ffn_down)) return;
    std::uint32_t partner = partner_of(branch);
    if (partner == dense) return;  // both branches have an activation
    set_role(dense, partner == kNone ? Role::ffn_up : Role::ffn_gate);
    if (partner != kNone) set_role(partner, Role::ffn_up);
    set_role(down, Role::ffn_down);
  }

  // The dense node of the other factor of a gated unit, or kNone.
  std::uint32_t partner_of(const Branch& branch) const {
    for (std::uint32_t value : branch.partners) {
      if (branch.values.count(value) != 0 || value == kNone) continue;
      Nodes before = layers_before(value, [](std::string_view op) { return is_view_op(op) || op == "Add"; });
      if (before.size() == 1 && layers_.is_dense(*before.begin())) return *before.begin();
    }
    return kNone;
  }

  void find_heads() {
    auto passes = [](std::string_view op) {
      return is_view_op(op) || one_of(op, {"Softmax", "LogSoftmax", "Sigmoid", "Tanh", "Clip", "Slice",
                                           "Gather", "ArgMax", "Log"});
    };
    std::vector<std::uint32_t> ends;
    for (std::uint32_t value = 0; value < values_.size(); ++value)
      if (values_[value].is_output) ends.push_back(value);
    std::set<std::uint32_t> entered;
    while (!ends.empty()) {
      std::uint32_t at = ends.back();
      ends.pop_back();
      for (std::size_t step = 0; step < kMaxVisits && at != kNone; ++step) {
        std::uint32_t n = values_.producer(at);
        if (n == kNone) break;
        if (layers_.is_dense(n)) roles_[n] = Role::head;
        if (layers_.matrix(n) != kNone) break;
        for (const std::uint32_t value : values_.inner_outputs(n, at))
          if (entered.insert(value).second) ends.push_back(value);
        at = passes(values_.op(n)) ? values_.input(values_.node(n), 0) : through_constant(n);
      }
    }
  }

  // The variable input of an operation with a constant, or kNone.
  std::uint32_t through_constant(std::uint32_t n) const {
    const Node& node = values_.node(n);
    if (!one_of(values_.op(n), {"Add", "Sub", "Mul", "Div"})) return kNone;
    for (std::uint32_t i = 0; i < 2; ++i) {
      if (values_.constant(values_.input(node, i)) != kNone) return values_.input(node, 1 - i);
    }
    return kNone;
  }

  const Layers& layers_;
  const Values& values_;
  std::vector<Role> roles_;
  bool has_attention_ = false;
};

}  // namespace

std::vector<Role> find_blocks(const Layers& layers) {
  return Finder(layers).run();
}

}  // namespace tt::model
