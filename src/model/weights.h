// Which tensors are weights, their names and their matrix view.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/graph.h"
#include "model/model.h"

namespace tt::model {

struct Selection {
  std::vector<Weight> weights;           // without roles, in file order
  std::vector<std::uint32_t> of_tensor;  // weight of each tensor of Onnx, or kNone
};

// Weights share one entry where their external ranges are the same. Adds notes on all that passes through.
Selection select_weights(Onnx& onnx, const std::vector<SourceFile>& files, std::uint64_t min_elements);

// Matrix view of a tensor: kernels dim0 x rest, recurrent and other tensors (leading dims) x last, vectors 1
// x n.
void set_matrix_view(tensor::WeightLayout& layout, Role role);

// Gives each name once: the second "w" becomes "w#2".
class UniqueNames {
 public:
  std::string add(const std::string& name);

 private:
  std::map<std::string, std::size_t> counts_;  // how often each was wished for
};

}  // namespace tt::model
