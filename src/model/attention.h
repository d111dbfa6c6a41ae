// Blocks of a transformer in the graph: attention around a Softmax, feed-forward parts around an activation,
// the head before an output.
#pragma once

#include <vector>

#include "model/layers.h"

namespace tt::model {

// The finer role of every dense node (Role::dense where the structure does not say), by node.
//
// Attention: MatMul(q, k) of two activations, then Softmax, then MatMul with v, then the dense node of the
// output; or one operator for all of this (Attention, MultiHeadAttention, ...). One dense node that gives q
// and k, or all three (Split of a fused projection), counts as attention.v, the most sensitive of them.
// Feed-forward (only in models with attention): dense, activation, dense; with a product of two branches
// (SwiGLU) the branch with the activation is the gate. Head: the last dense node before an output of the main
// graph, also one inside If, Loop, Scan or a function called once.
std::vector<Role> find_blocks(const Layers& layers);

}  // namespace tt::model
