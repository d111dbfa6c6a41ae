// Walks an ONNX model: main graph, subgraphs of any attribute, functions.
#pragma once

#include "base/input_file.h"
#include "model/graph.h"

namespace tt::model {

inline constexpr int kMaxGraphDepth = 32;
inline constexpr std::size_t kMaxGraphs = 65'536;
// Of one attribute: pads of 8 spatial dimensions. Longer lists are not kept, no runtime takes them.
inline constexpr std::size_t kMaxAttributeIntegers = 16;
inline constexpr std::size_t kMaxAttributeText = 16;  // bytes; auto_pad has fewer

// Errors: bad_data: no ONNX model, malformed, more than one main graph, a node without op_type, two tensors
// of one name in a graph, and those of walk_tensor; resource_limit: depth, number of graphs, and those of
// WireReader; unsupported: above 2 GB.
Onnx walk_onnx(const base::InputFile& file);

}  // namespace tt::model
