// Which weights compress folds: all that the user's patterns allow to change.
#pragma once

#include <optional>

#include "model/fold.h"
#include "pipeline/compress.h"

namespace tt::pipeline {

// The model to compress instead of `model`, nothing if that is `model` itself: for --lossless, --no-fold, and
// where nothing can be folded. What --preserve, --exclude, --include and --tensor PATTERN=skip keep exact is
// left alone; a small size (--min-size) is no reason to.
std::optional<model::Model> fold_model(const model::Model& model, const CompressOptions& options,
                                       model::FoldReport& report);

}  // namespace tt::pipeline
