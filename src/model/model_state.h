// What a Model holds.
#pragma once

#include <vector>

#include "model/graph.h"
#include "model/model.h"

namespace tt::model {

struct Model::State {
  FileFormat format = FileFormat::onnx;
  std::vector<SourceFile> files;
  std::vector<Weight> weights;
  Onnx onnx;                             // of an ONNX model
  std::vector<std::uint32_t> of_tensor;  // weight of each of its tensors, or kNone
};

}  // namespace tt::model
