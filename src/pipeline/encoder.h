// Encodes weights by plan, in parallel, and remembers what is encoded already, so that a second plan costs
// only its differences.
#pragma once

#include <map>
#include <vector>

#include "base/progress.h"
#include "container/container.h"
#include "pipeline/weight_metrics.h"
#include "plan/allocate.h"

namespace tt::pipeline {

class Encoder {
 public:
  // All must outlive it. `how`: but for its metric and warnings, which are each weight's own.
  Encoder(const model::Model& model, const std::vector<plan::Curve>& curves, const WeightMetrics& metrics,
          unsigned threads, codec::EncodeOptions how = {})
      : model_(model),
        curves_(curves),
        metrics_(metrics),
        threads_(threads),
        how_(std::move(how)),
        stored_(curves.size()) {}

  // Encodes what `plan` needs; forgets what neither `plan` nor `keep` (may be null) needs. Pointers stay
  // valid until forgotten.
  std::vector<const container::EncodedWeight*> encode(const plan::Plan& plan, const plan::Plan* keep,
                                                      base::Progress& progress);

  // What is encoded in place of the weight's own values; errors are still those against its own. A weight
  // whose encoding in the plan keeps it exact, or knows no metric, takes none.
  bool takes_target(std::size_t weight, const plan::Plan& plan) const;
  void set_target(std::size_t weight, tensor::WeightData target);
  void clear_targets();

  // Forgets all of one weight: its curve may change then.
  void forget(std::size_t weight) { stored_[weight].clear(); }
  const std::string& name(std::size_t weight) const { return model_.weights()[weight].name; }

 private:
  container::EncodedWeight encode_one(std::size_t weight, const plan::Candidate& candidate) const;
  void forget(const plan::Plan& plan, const plan::Plan* keep);

  const model::Model& model_;
  const std::vector<plan::Curve>& curves_;
  const WeightMetrics& metrics_;
  unsigned threads_;
  codec::EncodeOptions how_;
  std::map<std::size_t, tensor::WeightData> targets_;                    // by weight
  std::vector<std::map<std::size_t, container::EncodedWeight>> stored_;  // by weight, by candidate
};

}  // namespace tt::pipeline
