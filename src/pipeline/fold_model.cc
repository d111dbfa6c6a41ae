#include "pipeline/fold_model.h"

#include "pipeline/selection.h"

namespace tt::pipeline {

std::optional<model::Model> fold_model(const model::Model& model, const CompressOptions& options,
                                       model::FoldReport& report) {
  if (options.lossless || !options.fold) return std::nullopt;
  CompressOptions patterns = options;
  patterns.min_size = 0;
  const Selection selection = select_weights(model, patterns, false);
  const model::Weight* first = model.weights().data();
  const auto keep = [&](const model::Weight& weight) {
    return !selection.reasons[static_cast<std::size_t>(&weight - first)].empty();
  };
  return model::folded(model, report, {keep});
}

}  // namespace tt::pipeline
