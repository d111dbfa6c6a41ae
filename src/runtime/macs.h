// Multiply-adds of a model's layers, from the shapes that the runtime really sees.
//
// Of one sample, with Y what a layer gives, X what it gets, W its weight:
//   MatMul, Gemm              elements(Y) * K, with K the length of the sums
//   Conv                      elements(Y) * elements(W) / W.shape[0]     (each output sums over in/group *
//   kernel) ConvTranspose             elements(X) * elements(W) / W.shape[0]     (each input is spread the
//   same way) LSTM, GRU, RNN, Attention steps * batch * elements(W), of W and of R
// Products of two activations, elementwise operators and tables (Gather) do not count.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/model.h"
#include "runtime/array.h"

namespace tt::runtime {

struct LayerMacs {
  std::size_t weight = 0;  // index into Model::weights()
  std::string node, op;
  std::uint64_t macs = 0;
};
struct Macs {
  std::uint64_t total = 0;        // of all layers
  std::vector<LayerMacs> layers;  // in graph order
  std::uint64_t uncounted = 0;    // uses of weights inside If, Loop, Scan and functions: not in the total
};

// The model with further outputs (model/taps.h), rebuilt in memory. Errors: those of tapped_skeleton and
// assembled_model.
model::Model tapped_model(const model::Model& model, const std::vector<std::string>& outputs);

// Runs the model once on `samples`, `count` of them in a form that Session::run takes; one is enough, a graph
// with a fixed batch needs as many as that. Errors: as Session::open and Session::run, tapped_model; bad_data
// for numbers that do not fit 64 bits.
Macs count_macs(const model::Model& model, const NamedArrays& samples, std::uint64_t count,
                unsigned threads = 1);

}  // namespace tt::runtime
