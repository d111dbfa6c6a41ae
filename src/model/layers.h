// The layers of a graph: which node uses which tensor as its matrix, kernel, table, bias or normalisation.
#pragma once

#include <cstdint>
#include <vector>

#include "model/model.h"
#include "model/values.h"

namespace tt::model {

// What node `node` does with constant `tensor`.
struct LayerUse {
  std::uint32_t node = kNone;
  std::uint32_t tensor = kNone;
  Role role = Role::other;  // dense for all MatMul and Gemm, refined later
  std::uint32_t input = 0;  // of the node, the one that is the tensor
};

class Layers {
 public:
  explicit Layers(const Values& values);
  const Values& values() const { return values_; }
  const std::vector<LayerUse>& uses() const { return uses_; }
  // Tensor that `node` uses as matrix or kernel, kNone if it is no layer.
  std::uint32_t matrix(std::uint32_t node) const { return matrix_[node]; }
  // True for MatMul and Gemm with a weight, and for calls of functions that have one such weight.
  bool is_dense(std::uint32_t node) const;

 private:
  void find_calls();
  Role role_of(std::uint32_t node, std::uint32_t input, std::uint32_t tensor) const;
  Role elementwise_role(std::uint32_t node, std::uint32_t input, std::uint32_t tensor) const;
  bool is_normalised(std::uint32_t value) const;
  bool is_root(std::uint32_t value) const;

  const Values& values_;
  std::vector<LayerUse> uses_;
  std::vector<std::uint32_t> matrix_;  // by node
  std::vector<bool> dense_calls_;      // by node
  std::vector<bool> scaled_;           // by node: a Mul recognised as the scale of a normalisation
};

}  // namespace tt::model
