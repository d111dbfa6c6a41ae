// The weights of one edit: which, along which directions, and what becomes of them.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "pipeline/edit.h"
#include "pipeline/edit_targets.h"
#include "pipeline/edited_weight.h"

namespace tt::pipeline {

class EditJob {
 public:
  // Decodes the model; `container`, `options` and `progress` outlive it. Errors: as decoded_model().
  EditJob(const container::Container& container, const EditOptions& options, base::Progress& progress);

  // In the order of the model; fills the weights and warnings of the report. Errors: those of edit().
  std::vector<EditedWeight> run(EditReport& report);
  const model::Model& model() const { return model_; }

 private:
  using Known = std::shared_ptr<const runtime::Calibration>;

  Known known(const std::string& path);
  // Of all chosen weights alike; nothing for patterns, which are each weight's own.
  std::optional<tensor::Projection> common_projection();
  std::vector<EditTarget> chosen(std::uint64_t length) const;
  tensor::Projection own_projection(const EditTarget& target) const;
  WeightEdit edit_for(const EditTarget& target, const std::optional<tensor::Projection>& common,
                      const Known& preserve) const;

  const container::Container& container_;
  const EditOptions& options_;
  base::Progress& progress_;
  unsigned threads_;
  model::Model model_;
  EditTargets targets_;
};

}  // namespace tt::pipeline
