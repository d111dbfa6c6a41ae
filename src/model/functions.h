// Roles of the inputs of model-local functions. A call is a node whose operator is defined in the file; what
// its inputs are for shows inside.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "model/layers.h"

namespace tt::model {

// The role of a weight with several uses is the first of these: smaller is first.
int rank_of(Role role);

class FunctionInputs {
 public:
  // `refine`: the role of a use, from what its operator says (for a call: what the function's input is for).
  using Refine = std::function<Role(const LayerUse& use, Role role)>;
  FunctionInputs(const Values& values, const std::vector<LayerUse>& uses, const Refine& refine);

  Role role_of(const LayerUse& use) const;
  // True if the use is of a function's input: it counts where the function is called.
  bool is_inside(const LayerUse& use) const;

 private:
  const Values& values_;
  const Refine refine_;
  std::map<std::uint32_t, Role> roles_;  // by the value of the input
};

}  // namespace tt::model
