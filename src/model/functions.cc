#include "model/functions.h"

namespace tt::model {
namespace {

constexpr int kMaxNesting = 16;  // functions that call functions; also ends with those that call themselves

}  // namespace

int rank_of(Role role) {
  if (role == Role::embedding) return 0;  // a table tied to the head
  if (role == Role::other) return 4;
  if (role == Role::bias) return 3;
  if (role == Role::norm) return 2;
  return 1;
}

FunctionInputs::FunctionInputs(const Values& values, const std::vector<LayerUse>& uses, const Refine& refine)
    : values_(values), refine_(refine) {
  std::vector<std::pair<std::uint32_t, const LayerUse*>> inside;
  for (const LayerUse& use : uses) {
    const std::uint32_t parameter = values.parameter_behind(values.input(values.node(use.node), use.input));
    if (parameter != kNone) inside.emplace_back(parameter, &use);
  }
  bool changed = !inside.empty();
  for (int level = 0; changed && level < kMaxNesting; ++level) {
    changed = false;
    for (const auto& [parameter, use] : inside) {
      Role& role = roles_.try_emplace(parameter, Role::other).first->second;
      const Role found = role_of(*use);
      if (rank_of(found) >= rank_of(role)) continue;
      role = found;
      changed = true;
    }
    // Only the roles of calls can change with those of other functions.
    std::erase_if(inside, [&](const auto& entry) { return values.callee(entry.second->node) == kNone; });
  }
}

Role FunctionInputs::role_of(const LayerUse& use) const {
  const std::uint32_t parameter = values_.parameter(use.node, use.input);
  const auto found = roles_.find(parameter);
  return refine_(use, found == roles_.end() ? use.role : found->second);
}

bool FunctionInputs::is_inside(const LayerUse& use) const {
  return values_.parameter_behind(values_.input(values_.node(use.node), use.input)) != kNone;
}

}  // namespace tt::model
