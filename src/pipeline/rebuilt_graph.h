// The graph of a container as a model without its weights, for forms that change the graph.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/output_file.h"
#include "base/progress.h"
#include "container/container.h"
#include "model/model.h"
#include "model/skeleton_writer.h"

namespace tt::pipeline {

// Errors: usage if the container holds a safetensors file.
void require_graph(const container::Container& container, std::string_view form);
// Where the weights of a changed graph go: `output`.data if they are to be outside of the model file, or were
// before (a model above protobuf's 2 GB); else empty.
std::string weights_location(const container::Container& container, const std::string& output, bool external);

class RebuiltGraph {
 public:
  // In temporary files with holes for the weights. Errors: those of container, codec and model.
  RebuiltGraph(const container::Container& container, unsigned threads);
  const model::Model& model() const { return *model_; }
  // By weight of the model: of the container, or kLiteral, one that the skeleton holds itself.
  static constexpr std::size_t kLiteral = SIZE_MAX;
  std::size_t stored(std::size_t weight) const { return stored_[weight]; }

  // Fills `outs`, the files of `skeleton`: its literals, the weights of the model and, with indices from
  // their number on, new tensors of the bytes `added`, two of each call of `write_pair` (from several
  // threads).
  using WritePair = std::function<void(std::size_t pair, const model::Placement& placement)>;
  void write(const model::Skeleton& skeleton, const std::vector<std::uint64_t>& added,
             const WritePair& write_pair, std::vector<base::OutputFile>& outs, unsigned threads,
             base::Progress& progress) const;
  // New tensor `index` to all its places. Errors: corrupt if it does not fill them.
  void put(const std::string& name, base::ByteView payload, std::size_t index,
           const model::Placement& placement, std::vector<base::OutputFile>& outs) const;

 private:
  void match_weights(const model::Placement& placement);
  void write_weight_at(std::size_t index, const model::Placement& placement,
                       std::vector<base::OutputFile>& outs) const;

  const container::Container& container_;
  std::vector<base::OutputFile> blank_;
  std::optional<model::Model> model_;
  std::vector<std::size_t> stored_;
};

}  // namespace tt::pipeline
