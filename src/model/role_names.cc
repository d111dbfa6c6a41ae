#include <array>

#include "base/pattern.h"
#include "model/roles.h"

namespace tt::model {

namespace {

struct NameRule {
  const char* pattern;
  Role role;
};

// The names of common exporters (PyTorch modules of BERT, GPT, LLaMA, T5, ViT). The first match counts. Fused
// projections are attention.v, as in attention.h.
constexpr NameRule kDenseNames[] = {
    {R"((?i)(^|[./_])(qkv(_proj)?|in_proj(_weight)?|c_attn|query_key_value|wqkv)([./_]|$))",
     Role::attention_v},
    {R"((?i)(^|[./_])(q_proj|q_lin|query|to_q|wq|attn_q|q)([./]|_?weight|_proj|$))", Role::attention_q},
    {R"((?i)(^|[./_])(k_proj|k_lin|key|to_k|wk|attn_k|k)([./]|_?weight|_proj|$))", Role::attention_k},
    {R"((?i)(^|[./_])(v_proj|v_lin|value|to_v|wv|attn_v|v)([./]|_?weight|_proj|$))", Role::attention_v},
    {R"((?i)(^|[./_])(o_proj|out_proj|out_lin|to_out|wo|attn_output|attention[./]output[./]dense|attn[./](c_)?proj)([./_]|$))",
     Role::attention_out},
    {R"((?i)(^|[./_])(gate_proj|ffn_gate|w1)([./_]|$))", Role::ffn_gate},
    {R"((?i)(^|[./_])(up_proj|ffn_up|w3|c_fc|lin1|wi(_[01])?|intermediate[./]dense|mlp[./]fc1)([./_]|$))",
     Role::ffn_up},
    {R"((?i)(^|[./_])(down_proj|ffn_down|w2|lin2|mlp[./]c_proj|mlp[./]fc2|output[./]dense)([./_]|$))",
     Role::ffn_down},
    {R"((?i)(^|[./_])(lm_head|classifier|head|logits)([./_]|$))", Role::head},
};
constexpr const char* kEmbeddingName = R"((?i)(embed|^wte|^wpe|[./_](wte|wpe)([./_]|$)))";
constexpr const char* kConvName = R"((?i)(conv|downsample))";
constexpr const char* kNormName = R"((?i)(norm|(^|[./_])(ln|bn)[0-9]*(_[0-9a-z]+)?[./_]|running_(mean|var)))";
constexpr const char* kBiasName = R"((?i)(^|[./_])(bias|b)(_[a-z0-9]+)?$)";
constexpr const char* kRecurrentName = R"((?i)(^|[./_])(weight_(ih|hh)|lstm|gru|rnn))";

// 1-D tensors and scales; kernels by rank; tables and matrices by name.
Role role_by_name(const std::string& name, const tensor::Shape& shape) {
  if (shape.size() < 2) {
    static const base::Pattern norm(kNormName), bias(kBiasName);
    if (norm.matches(name)) return Role::norm;
    return bias.matches(name) ? Role::bias : Role::other;
  }
  static const base::Pattern embedding(kEmbeddingName), conv(kConvName), recurrent(kRecurrentName);
  if (shape.size() > 2) {
    bool kernel = shape.size() <= 5 && (conv.matches(name) || shape.size() >= 4);
    if (kernel && shape[1] == 1 && shape[0] > 1) return Role::depthwise;
    return kernel ? Role::conv : Role::dense;
  }
  if (embedding.matches(name)) return Role::embedding;
  if (recurrent.matches(name)) return Role::recurrent;
  return dense_role_by_name(name);
}

}  // namespace

std::string role_name(Role role) {
  switch (role) {
    case Role::attention_q:
      return "attention.q";
    case Role::attention_k:
      return "attention.k";
    case Role::attention_v:
      return "attention.v";
    case Role::attention_out:
      return "attention.out";
    case Role::ffn_up:
      return "ffn.up";
    case Role::ffn_gate:
      return "ffn.gate";
    case Role::ffn_down:
      return "ffn.down";
    case Role::embedding:
      return "embedding";
    case Role::head:
      return "head";
    case Role::conv:
      return "conv";
    case Role::depthwise:
      return "depthwise";
    case Role::recurrent:
      return "recurrent";
    case Role::dense:
      return "dense";
    case Role::norm:
      return "norm";
    case Role::bias:
      return "bias";
    case Role::other:
      return "other";
  }
  return "other";
}

bool is_layer_role(Role role) {
  return role != Role::norm && role != Role::bias && role != Role::other;
}

Role dense_role_by_name(const std::string& name) {
  static const std::vector<std::pair<base::Pattern, Role>> rules = [] {
    std::vector<std::pair<base::Pattern, Role>> result;
    for (const NameRule& rule : kDenseNames) result.emplace_back(base::Pattern(rule.pattern), rule.role);
    return result;
  }();
  for (const auto& [pattern, role] : rules) {
    if (pattern.matches(name)) return role;
  }
  return Role::dense;
}

void assign_roles_by_name(std::vector<Weight>& weights) {
  for (Weight& weight : weights) weight.role = role_by_name(weight.name, weight.layout.shape);
}

}  // namespace tt::model
