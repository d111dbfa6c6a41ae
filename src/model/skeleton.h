// The files of a model with the payloads cut out.
#pragma once

#include <vector>

#include "model/graph.h"
#include "model/model.h"
#include "model/splice.h"

namespace tt::model {

Skeleton cut_exact(const std::vector<SourceFile>& files, const std::vector<Weight>& weights);

// True if external data or varint16 payloads would have to move.
bool needs_inlining(const std::vector<SourceFile>& files, const std::vector<Weight>& weights);
// `of_tensor`: weight of each tensor, or kNone; `edits`: further ones in the model file. Errors: unsupported
// above 2 GB.
Skeleton cut_inline(const Onnx& onnx, const std::vector<SourceFile>& files,
                    const std::vector<Weight>& weights, const std::vector<std::uint32_t>& of_tensor,
                    std::vector<Edit> edits = {});

// Moves the payloads of inline initializers to a second file.
Skeleton cut_external(const Onnx& onnx, const std::vector<SourceFile>& files,
                      const std::vector<std::uint32_t>& of_tensor, const std::string& location);

}  // namespace tt::model
