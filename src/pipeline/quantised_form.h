// The model of a container with the weights that are stored as codes multiplied with as they are
// (model/quantise.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/output_file.h"
#include "base/progress.h"
#include "container/container.h"
#include "model/quantise.h"
#include "pipeline/rebuilt_graph.h"

namespace tt::pipeline {

// A weight that is stored as codes, and what became of it.
struct QuantisedWeight {
  std::string name;
  codec::Encoding encoding;
  bool quantised = false;
  std::string why;                                     // it stayed dense
  std::string op;                                      // that multiplies with it
  std::uint64_t bytes_dense = 0, bytes_quantised = 0;  // in the model file
};
struct QuantisedReport {
  std::vector<QuantisedWeight> weights;
  std::uint64_t quantised = 0;  // how many of them; the sums are over these
  std::uint64_t bytes_dense = 0, bytes_quantised = 0;
  std::vector<std::string> dropped_inputs;  // optional inputs that gave the default of a quantised weight
};

class QuantisedForm {
 public:
  // Rebuilds the graph and decides. `external`: weights go to `output`.data, as they do for a model above
  // protobuf's 2 GB. Errors: usage for safetensors; those of container, codec and model.
  QuantisedForm(const container::Container& container, const std::string& output, bool external,
                unsigned threads);

  const QuantisedReport& report() const { return report_; }
  const std::vector<model::SkeletonFile>& files() const { return quantised_.skeleton.files; }
  // Fills `outs`, one of each of files(). Nothing is committed.
  void write(std::vector<base::OutputFile>& outs, unsigned threads, base::Progress& progress) const;

 private:
  std::vector<model::BlockShape> shapes() const;
  void describe();
  void write_layer(std::size_t index, const model::Placement& placement,
                   std::vector<base::OutputFile>& outs) const;

  const container::Container& container_;
  std::optional<RebuiltGraph> graph_;
  model::QuantisedModel quantised_;
  QuantisedReport report_;
};

}  // namespace tt::pipeline
