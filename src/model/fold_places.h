// Where the fields of the main graph stand that folding changes.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/input_file.h"
#include "model/graph.h"

namespace tt::model {

struct FieldPlace {
  Range whole;                        // with tag and length
  std::uint64_t body = 0;             // where the message begins
  NameId name = 0;                    // of inputs and values
  std::optional<std::uint32_t> rank;  // of those, if the file says
};

struct FoldPlaces {
  std::uint64_t ir_version = 0, opset = 0;  // of the default domain
  std::set<std::string> domains;            // that the file imports
  bool annotated = false;                   // training information or quantization annotations name tensors
  std::vector<FieldPlace> nodes, initializers, inputs, values;  // as in Graph; values: value_info
};

FoldPlaces fold_places(const base::InputFile& file, const Onnx& onnx);

}  // namespace tt::model
