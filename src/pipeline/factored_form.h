// The model of a container with the factors of its weights as layers of their own (model/factor.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/output_file.h"
#include "base/progress.h"
#include "container/container.h"
#include "model/factor.h"
#include "model/skeleton_writer.h"
#include "pipeline/rebuilt_graph.h"

namespace tt::pipeline {

// A weight that is stored as factors, and what became of it. Multiply-adds and bytes as model/factor.h counts
// them; 0 where it stayed dense.
struct FactoredWeight {
  std::string name;
  codec::Encoding encoding;
  bool factored = false;
  std::string why;       // it stayed dense
  std::string node, op;  // that uses it
  std::uint64_t rank = 0, macs_dense = 0, macs_factored = 0, bytes_dense = 0, bytes_factored = 0;
};
struct FactoredReport {
  std::vector<FactoredWeight> weights;
  std::uint64_t factored = 0;  // how many of them; the sums are over these
  std::uint64_t macs_dense = 0, macs_factored = 0, bytes_dense = 0, bytes_factored = 0;
  std::vector<std::string> dropped_inputs;  // optional inputs that gave the default of a factored weight
};

class FactoredForm {
 public:
  // Rebuilds the graph in temporary files with holes for the weights, and decides. `external`: weights go to
  // `output`.data, as they do for a model above protobuf's 2 GB. Errors: usage for safetensors; those of
  // container, codec and model.
  FactoredForm(const container::Container& container, const std::string& output, bool external,
               unsigned threads);

  const FactoredReport& report() const { return report_; }
  const std::vector<model::SkeletonFile>& files() const { return factored_.skeleton.files; }
  // Fills `outs`, one of each of files(). Nothing is committed.
  void write(std::vector<base::OutputFile>& outs, unsigned threads, base::Progress& progress) const;

 private:
  std::vector<model::FactorShape> shapes(unsigned threads);
  void describe();
  void write_factors(std::size_t pair, const model::Placement& placement,
                     std::vector<base::OutputFile>& outs) const;

  const container::Container& container_;
  std::optional<RebuiltGraph> graph_;
  std::vector<std::string> unfit_;  // by weight of the model: why its factors cannot be used
  model::FactoredModel factored_;
  FactoredReport report_;
};

}  // namespace tt::pipeline
